#include "plugins/meta/firewall/verbs.h"
#include "plugins/plugins.h"

namespace linnet::firewall {

const skel::Plugin kPlugin = {
    .name = "firewall",
    .about = "lets forwarded traffic of a container through, and keeps networks apart",
    .capabilities = {CAP_NET_ADMIN},
    // For a namespace of its own, in which it tries the rules.
    .status_capabilities = {CAP_SYS_ADMIN},
    .executes = skel::Executes::kOthers,
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::firewall
