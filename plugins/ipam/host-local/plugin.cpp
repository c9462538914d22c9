#include "plugins/ipam/build_note.h"
#include "plugins/ipam/host-local/verbs.h"
#include "plugins/plugins.h"

LINNET_IPAM_NOTE("host-local");

namespace linnet::host_local {

const skel::Plugin kPlugin = {
    .name = "host-local",
    .about = "leases addresses of configured ranges from a store on this host",
    // To see every process, and for a store that is another user's.
    .capabilities = {CAP_SYS_PTRACE, CAP_DAC_OVERRIDE, CAP_FOWNER},
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::host_local
