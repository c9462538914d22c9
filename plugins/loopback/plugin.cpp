#include "plugins/loopback/verbs.h"
#include "plugins/plugins.h"

namespace linnet::loopback {

const skel::Plugin kPlugin = {
    .name = "loopback",
    .about = "brings up the loopback interface of a container",
    .capabilities = skel::kContainerCapabilities,
    .add = add,
    .del = del,
    .check = check,
};

}  // namespace linnet::loopback
