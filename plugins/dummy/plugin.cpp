#include "plugins/dummy/verbs.h"
#include "plugins/plugins.h"

namespace linnet::dummy {

const skel::Plugin kPlugin = {
    .name = "dummy",
    .about = "gives a container an interface that leads nowhere and carries addresses",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::dummy
