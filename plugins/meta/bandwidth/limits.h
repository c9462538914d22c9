// Limits in the kernel. Ingress is a token bucket on the host's end of the pair; egress one on an ifb, through
// which everything goes that the host's end receives.
#pragma once

#include <optional>

#include "base/transaction.h"
#include "netlink/route_socket.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/bandwidth/config.h"
#include "plugins/meta/bandwidth/links.h"

namespace linnet::bandwidth {

// Gives `end` these limits, whatever it had of this plugin or the reference's, the old ones being replaced in
// place; `transaction` gets the step that gives it back the old ones. Returns the ifb of an egress limit.
// Throws cni::Error where somebody else filters what `end` receives.
[[nodiscard]] std::optional<netlink::Link> apply_limits(netlink::RouteSocket& host,
                                                        const attach::Attachment& attachment,
                                                        const netlink::Link& end,
                                                        const Limits& limits,
                                                        Transaction& transaction);

// Removes ifb and limits of a running container; `transaction` gets the steps that bring them back.
void lift_limits(netlink::RouteSocket& host, const Present& present, Transaction& transaction);

// Removes ifb and limits, as far as they are there.
void remove_limits(netlink::RouteSocket& host, const Present& present);

// What of it the kernel does not show.
[[nodiscard]] attach::Problems limit_problems(netlink::RouteSocket& host, const Present& present,
                                              const netlink::Link& end, const Limits& limits);

}  // namespace linnet::bandwidth
