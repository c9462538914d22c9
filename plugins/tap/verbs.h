// The verbs of tap.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::tap {

// Leaves nothing behind when it throws.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing of ADD that the kernel does not show any more.
void check(const cni::Request& request, const cni::NetConf& conf);
// As attach::gc_own_links().
void gc(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the kernel has no tap devices or IPAM nothing to give.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::tap
