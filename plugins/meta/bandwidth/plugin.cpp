#include "plugins/meta/bandwidth/verbs.h"
#include "plugins/plugins.h"

namespace linnet::bandwidth {

const skel::Plugin kPlugin = {
    .name = "bandwidth",
    .about = "limits the rate at which a container receives and sends",
    // Older results do not list interfaces.
    .versions = std::span(cni::kAllVersions).subspan(2),
    .capabilities = skel::kContainerCapabilities,
    .add = add,
    .del = del,
    .check = check,
    .gc = gc,
    .status = status,
};

}  // namespace linnet::bandwidth
