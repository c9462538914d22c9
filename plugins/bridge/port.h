// The veth pair of one container: its end on the host is a port of the bridge.
#pragma once

#include "netlink/netns.h"
#include "plugins/attach/attachment.h"
#include "plugins/bridge/config.h"

namespace linnet::bridge {

// Makes the pair and returns the first of its ends: the host's end, attach::host_link_name(), as a port of `bridge`; the container's end with
// its final name in `sandbox`; both down. A pair that the same attachment left in an earlier namespace is
// replaced. Throws cni::Error(kInvalidEnvironment) when the container has the interface already; has made
// nothing when it throws.
[[nodiscard]] netlink::Link create_pair(netlink::RouteSocket& host,
                                        const netlink::Netns& host_netns,
                                        const netlink::Netns& sandbox, const netlink::Link& bridge,
                                        const attach::Attachment& attachment, const Config& config);

// Marks the port with its owner, sets its flags and VLANs, and only then brings it up.
void configure_port(netlink::RouteSocket& host, const netlink::Link& port,
                    const attach::Attachment& attachment, const Config& config);

// Returns when the port forwards and its bridge sends, so that the first packet is not lost. Throws
// cni::Error when the port has not come up within two seconds.
void wait_until_forwarding(netlink::RouteSocket& host, const netlink::Link& port,
                           const netlink::Link& bridge);

}  // namespace linnet::bridge
