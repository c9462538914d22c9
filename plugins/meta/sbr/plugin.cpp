#include "plugins/meta/sbr/verbs.h"
#include "plugins/plugins.h"

namespace linnet::sbr {

const skel::Plugin kPlugin = {
    .name = "sbr",
    .about = "lets answers leave a container through the interface whose address they come from",
    // Older results do not say which interface an address is on.
    .versions = std::span(cni::kAllVersions).subspan(2),
    .capabilities = skel::kContainerCapabilities,
    .add = add,
    .del = del,
    .check = check,
    .status = status,
};

}  // namespace linnet::sbr
