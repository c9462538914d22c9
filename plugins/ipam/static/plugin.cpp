#include "plugins/ipam/build_note.h"
#include "plugins/ipam/static/verbs.h"
#include "plugins/plugins.h"

LINNET_IPAM_NOTE("static");

namespace linnet::static_ipam {

const skel::Plugin kPlugin = {
    .name = "static",
    .about = "gives the addresses that the configuration or the runtime names",
    .add = add,
    .check = check,
    .status = status,
};

}  // namespace linnet::static_ipam
