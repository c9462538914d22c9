#include "plugins/meta/vrf/verbs.h"
#include "plugins/plugins.h"

namespace linnet::vrf {

const skel::Plugin kPlugin = {
    .name = "vrf",
    .about = "puts the interface of a container into a VRF of the container",
    // The reference's, which the older ones do not convert to.
    .versions = std::span(cni::kAllVersions).subspan(3),
    .capabilities = skel::kContainerCapabilities,
    .add = add,
    .del = del,
    .check = check,
    .status = status,
};

}  // namespace linnet::vrf
