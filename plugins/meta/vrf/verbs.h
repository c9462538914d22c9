// The verbs of vrf. What it makes is in the container's namespace and goes with it: GC has nothing to do.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::vrf {

// prevResult as it is. Leaves nothing changed when it throws.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Takes the interface out of the VRF, and removes that with the last one.
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing that is not as ADD left it.
void check(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the kernel has no VRFs.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::vrf
