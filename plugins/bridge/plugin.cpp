#include "plugins/attach/pair_verbs.h"
#include "plugins/bridge/verbs.h"
#include "plugins/plugins.h"

namespace linnet::bridge {

const skel::Plugin kPlugin = {
    .name = "bridge",
    .about = "connects a container by a veth pair to a bridge on the host",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = add,
    .del = attach::del_pair,
    .check = check,
    .gc = attach::gc_pairs,
    .status = status,
};

}  // namespace linnet::bridge
