// The end of a container's veth pair on the host, a port of the bridge.
#pragma once

#include "netlink/route_socket.h"
#include "plugins/attach/attachment.h"
#include "plugins/bridge/config.h"

namespace linnet::bridge {

// Sets the flags and VLANs of the port, and only then brings it up.
void configure_port(netlink::RouteSocket& host, const netlink::Link& port, const Config& config);

// Returns when the port forwards and its bridge sends, so that the first packet is not lost. Throws
// cni::Error when the port has not come up within two seconds.
void wait_until_forwarding(netlink::RouteSocket& host, const netlink::Link& port,
                           const netlink::Link& bridge);

}  // namespace linnet::bridge
