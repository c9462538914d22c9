// The verbs of the loopback plugin. CNI_IFNAME is not looked at: the interface is always "lo".
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::loopback {

// Brings lo up and reports its addresses, or prevResult as it is when chained. An address that is no
// loopback address is an error.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);

// Takes lo down; a namespace that is gone or not named is fine.
void del(const cni::Request& request, const cni::NetConf& conf);

// Throws cni::Error when lo is down.
void check(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::loopback
