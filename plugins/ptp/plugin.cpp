#include "plugins/attach/pair_verbs.h"
#include "plugins/plugins.h"
#include "plugins/ptp/verbs.h"

namespace linnet::ptp {

const skel::Plugin kPlugin = {
    .name = "ptp",
    .about = "connects a container by a veth pair to the host, which routes for it",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = add,
    .del = attach::del_pair,
    .check = check,
    .gc = attach::gc_pairs,
    .status = status,
};

}  // namespace linnet::ptp
