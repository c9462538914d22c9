// The verbs of sbr. What it makes is in the container's namespace and goes with it: GC has nothing to do.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::sbr {

// prevResult as it is. Leaves nothing changed when it throws.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Removes rules and tables of the interface's addresses, as far as they are there.
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing that is not as ADD left it.
void check(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the kernel has no policy routing.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::sbr
