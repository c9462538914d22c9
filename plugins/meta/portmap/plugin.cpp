#include "plugins/meta/portmap/verbs.h"
#include "plugins/plugins.h"

namespace linnet::portmap {

const skel::Plugin kPlugin = {
    .name = "portmap",
    .about = "publishes ports of a container on the addresses of its host",
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::portmap
