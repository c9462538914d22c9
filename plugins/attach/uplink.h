// The link that a container's interface stands on: "master", "linkInContainer" and "mtu".
#pragma once

#include <cstdint>
#include <string>

#include "libcni/json.h"
#include "netlink/route_socket.h"

namespace linnet::attach {

struct UplinkKeys {
  std::string master = {};    // empty: the link of the default route
  bool in_container = false;  // the uplink is in the container's namespace
  std::uint32_t mtu = 0;      // bytes, of the container's interface; 0: the uplink's
};

// Throws cni::Error(kInvalidNetworkConfig) that names key, value and way out.
[[nodiscard]] UplinkKeys parse_uplink_keys(cni::ObjectReader& reader);

// The link that `keys` name, asked for in the namespace where it is. Throws cni::Error
// (kInvalidNetworkConfig) when there is none, and when the MTU asked for is above the uplink's.
[[nodiscard]] netlink::Link get_uplink(netlink::RouteSocket& where, const UplinkKeys& keys);

}  // namespace linnet::attach
