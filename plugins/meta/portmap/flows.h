// Connections without an end of their own (UDP), or with one that outlives containers (SCTP): the kernel
// translates all packets of a flow as it did the first one, until the flow is forgotten.
#pragma once

#include <span>

#include "netlink/route_socket.h"
#include "plugins/meta/portmap/plan.h"

namespace linnet::portmap {

// Forgets flows to the redirected ports of this host that go elsewhere than to their container. Flows that
// only pass through with the same port stay. Throws Error.
void forget_flows_before(std::span<const Redirect> redirects, netlink::RouteSocket& host);

// Forgets the flows that were redirected. Throws Error.
void forget_flows_of(std::span<const Redirect> redirects);

[[nodiscard]] std::vector<Redirect> redirects_of(const Plan& plan);

}  // namespace linnet::portmap
