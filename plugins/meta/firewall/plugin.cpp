#include "plugins/meta/firewall/verbs.h"
#include "plugins/plugins.h"

namespace linnet::firewall {

const skel::Plugin kPlugin = {
    .name = "firewall",
    .about = "lets forwarded traffic of a container through, and keeps networks apart",
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::firewall
