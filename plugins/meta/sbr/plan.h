// Which rules and routes make the answers from each address of an interface leave through it. No kernel.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "libcni/result.h"
#include "netlink/address.h"
#include "netlink/rule.h"
#include "plugins/meta/sbr/config.h"

namespace linnet::sbr {

// The first table that is this plugin's to choose.
constexpr std::uint32_t kFirstTable = 100;

struct Plan {
  std::vector<netlink::Rule> rules;
  std::vector<netlink::Route> added;    // to the tables, those without a gateway first
  std::vector<netlink::Route> hints;    // in the main table, in place of those without a source
  std::vector<netlink::Route> removed;  // from the main table
};

// `ips` are the addresses of the interface, `main_routes` the routes of the main table through it, `taken` the
// tables that have a route or a rule already.
[[nodiscard]] Plan plan_source_routing(const Config& config, const std::vector<cni::IpConfig>& ips,
                                       const std::vector<netlink::Route>& main_routes,
                                       const std::set<std::uint32_t>& taken);

}  // namespace linnet::sbr
