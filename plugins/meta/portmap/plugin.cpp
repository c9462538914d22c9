#include "plugins/meta/portmap/verbs.h"
#include "plugins/plugins.h"

namespace linnet::portmap {

const skel::Plugin kPlugin = {
    .name = "portmap",
    .about = "publishes ports of a container on the addresses of its host",
    // The last two find the program that has a port already.
    .capabilities = {CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH},
    // For a namespace of its own, in which it tries the rules.
    .status_capabilities = {CAP_SYS_ADMIN},
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::portmap
