// The verbs of the ptp plugin. DEL and GC are attach::del_pair() and attach::gc_pairs().
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::ptp {

// Leaves nothing behind when it throws, except forwarding, which other containers share.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);

// Throws cni::Error with a sentence for each thing of ADD that the kernel does not show any more.
void check(const cni::Request& request, const cni::NetConf& conf);

// Throws cni::Error(kPluginNotAvailable) when an ADD would fail.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::ptp
