#include "plugins/host-device/verbs.h"
#include "plugins/plugins.h"

namespace linnet::host_device {

const skel::Plugin kPlugin = {
    .name = "host-device",
    .about = "lends a device of the host to a container",
    .capabilities = skel::kInterfaceCapabilities,
    .executes = skel::Executes::kOthers,
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::host_device
