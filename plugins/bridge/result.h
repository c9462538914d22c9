// The result of ADD: what IPAM gave, completed as the configuration asks. No kernel.
#pragma once

#include <vector>

#include "libcni/result.h"
#include "plugins/bridge/config.h"

namespace linnet::bridge {

// Position of the container's interface in a result of this plugin, behind the bridge and the port.
inline constexpr std::size_t kContainerInterface = 2;

// Gives every address the container's interface and, for isGateway, a gateway (the subnet's first address
// unless IPAM named one); for isDefaultGateway adds a default route per family that has none with a
// gateway.
void complete_addresses(cni::Result& result, const Config& config);

// The gateways with the prefix length of their subnet: what the bridge gets as addresses.
[[nodiscard]] std::vector<Cidr> gateway_addresses(const cni::Result& result);

}  // namespace linnet::bridge
