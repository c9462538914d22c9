#include "plugins/meta/tuning/verbs.h"
#include "plugins/plugins.h"

namespace linnet::tuning {

const skel::Plugin kPlugin = {
    .name = "tuning",
    .about = "sets sysctls of a container and properties of its interface",
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::tuning
