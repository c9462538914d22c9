#include "plugins/attach/child_verbs.h"
#include "plugins/ipvlan/config.h"
#include "plugins/plugins.h"

namespace linnet::ipvlan {

namespace {
using Verbs = attach::ChildVerbs<netlink::Ipvlan, ipvlan::parse_config>;
}  // namespace

const skel::Plugin kPlugin = {
    .name = "ipvlan",
    .about = "gives a container IP addresses of its own on an interface of the host",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = Verbs::add,
    .del = Verbs::del,
    .check = Verbs::check,
    .gc = Verbs::gc,
    .status = Verbs::status,
};

}  // namespace linnet::ipvlan
