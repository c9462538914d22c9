#include "plugins/plugins.h"
#include "plugins/tap/device.h"
#include "plugins/tap/verbs.h"

namespace linnet::tap {

const skel::Plugin kPlugin = {
    .name = "tap",
    .about = "gives a container a tap device for a virtual machine",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
    .task = run_as_maker,
};

}  // namespace linnet::tap
