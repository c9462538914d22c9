// What a routed pair needs on its two sides, from the IPAM result. No kernel.
//
// The container reaches its gateway as a neighbour and everything else, its own subnet included, through
// it; the host has the gateway address and a route to each address of the container on its end of the
// pair. So neighbours of the subnet may be containers on the same host or anywhere else.
#pragma once

#include <vector>

#include "libcni/result.h"
#include "plugins/attach/interface.h"

namespace linnet::ptp {

// Position of the container's interface in a result of this plugin, behind the host's end.
inline constexpr std::size_t kContainerInterface = 1;

// Gives every address the container's interface, and those without a gateway one that needs no address of
// the subnet: 169.254.1.1 or fe80::1. Throws cni::Error(kInvalidNetworkConfig) for a gateway that is the
// container's own address or of another family.
void complete_addresses(cni::Result& result);

// The container's side of a completed result.
[[nodiscard]] attach::InterfacePlan plan_container(const cni::Result& result);

struct HostPlan {
  std::vector<Cidr> addresses;         // the gateways
  std::vector<netlink::Route> routes;  // to the container's addresses; `link` still 0
};
// The host's side of a completed result.
[[nodiscard]] HostPlan plan_host(const cni::Result& result);

}  // namespace linnet::ptp
