// Reading what rtnetlink sends. Private to this folder. Every reader checks lengths and gives nothing
// for a message that is not of its kind.
#pragma once

#include <optional>
#include <vector>

#include "netlink/address.h"
#include "netlink/conntrack.h"
#include "netlink/link.h"
#include "netlink/listeners.h"
#include "netlink/rule.h"
#include "netlink/tc.h"

struct nlmsghdr;

namespace linnet::netlink {

[[nodiscard]] std::optional<Link> parse_link(const nlmsghdr* message);
// The index in the header of a link message, 0 for a message too short to have one.
[[nodiscard]] int link_index(const nlmsghdr* message);
// Only of link `link`.
[[nodiscard]] std::optional<Address> parse_address(const nlmsghdr* message, int link);
// The unicast routes of one message: several for a multipath route.
[[nodiscard]] std::vector<Route> parse_routes(const nlmsghdr* message);
// The answer to a question about one destination; absent for a route that sends nothing.
[[nodiscard]] std::optional<RouteLookup> parse_route_lookup(const nlmsghdr* message);
[[nodiscard]] std::vector<Vlan> parse_vlans(const nlmsghdr* message, int port_index);
// Only rules that look up a table.
[[nodiscard]] std::optional<Rule> parse_rule(const nlmsghdr* message);
[[nodiscard]] std::optional<Qdisc> parse_qdisc(const nlmsghdr* message);
// Nothing for what a dump holds besides filters: the classifiers themselves and their hash tables.
[[nodiscard]] std::optional<IngressFilter> parse_ingress_filter(const nlmsghdr* message);
[[nodiscard]] std::optional<Flow> parse_flow(const nlmsghdr* message, Family family);
[[nodiscard]] std::optional<Listener> parse_listener(const nlmsghdr* message,
                                                     std::uint8_t protocol);

}  // namespace linnet::netlink
