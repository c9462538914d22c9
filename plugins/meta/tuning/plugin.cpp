#include "plugins/meta/tuning/verbs.h"
#include "plugins/plugins.h"

namespace linnet::tuning {

const skel::Plugin kPlugin = {
    .name = "tuning",
    .about = "sets sysctls of a container and properties of its interface",
    // Its folder for backups may be another user's.
    .capabilities = {CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_OVERRIDE},
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::tuning
