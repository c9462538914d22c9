#include "plugins/attach/child_verbs.h"
#include "plugins/plugins.h"
#include "plugins/vlan/config.h"

namespace linnet::vlan {

namespace {
using Verbs = attach::ChildVerbs<netlink::TaggedVlan, vlan::parse_config>;
}  // namespace

const skel::Plugin kPlugin = {
    .name = "vlan",
    .about = "gives a container a VLAN of an interface of the host",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = Verbs::add,
    .del = Verbs::del,
    .check = Verbs::check,
    .gc = Verbs::gc,
    .status = Verbs::status,
};

}  // namespace linnet::vlan
