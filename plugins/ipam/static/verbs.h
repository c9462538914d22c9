// The verbs of static. It keeps no state: DEL and GC have nothing to do.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::static_ipam {

[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Every address that ADD would give is in prevResult, with its gateway where one is configured. Throws
// cni::Error.
void check(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error when the configuration is one that ADD refuses.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::static_ipam
