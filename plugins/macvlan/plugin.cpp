#include "plugins/attach/child_verbs.h"
#include "plugins/macvlan/config.h"
#include "plugins/plugins.h"

namespace linnet::macvlan {

namespace {
using Verbs = attach::ChildVerbs<netlink::Macvlan, macvlan::parse_config>;
}  // namespace

const skel::Plugin kPlugin = {
    .name = "macvlan",
    .about = "gives a container an Ethernet interface of its own on an interface of the host",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = Verbs::add,
    .del = Verbs::del,
    .check = Verbs::check,
    .gc = Verbs::gc,
    .status = Verbs::status,
};

}  // namespace linnet::macvlan
