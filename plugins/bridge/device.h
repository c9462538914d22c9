// The bridge itself and what all its ports share.
#pragma once

#include <span>
#include <vector>

#include "base/ip_address.h"
#include "netlink/route_socket.h"
#include "plugins/bridge/config.h"

namespace linnet::bridge {

// The bridge of the configuration: made when missing (with a MAC address that no port changes), and set
// right when it is there but differs (down, another MTU than asked for, no VLAN filtering, not
// promiscuous). Throws cni::Error when the name belongs to a link of another kind.
[[nodiscard]] netlink::Link ensure_bridge(netlink::RouteSocket& host, const Config& config);

// The interface that carries the gateway addresses: the bridge, or for a VLAN "<bridge>.<vlan>", one end
// of a veth whose other end is a port of that VLAN only; made when missing, set right when it is there.
// Throws netlink::Error.
[[nodiscard]] netlink::Link ensure_gateway_interface(netlink::RouteSocket& host,
                                                     const netlink::Link& bridge,
                                                     const Config& config);

// Makes `gateways` addresses of `link`. Other addresses that stand in the way (any IPv4 address, an
// overlapping IPv6 one) are an error, or are removed where the configuration forces the address.
void ensure_gateway_addresses(netlink::RouteSocket& host, const netlink::Link& link,
                              std::span<const Cidr> gateways, const Config& config);

}  // namespace linnet::bridge
