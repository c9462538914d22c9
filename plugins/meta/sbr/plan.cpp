#include "plugins/meta/sbr/plan.h"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace linnet::sbr {

namespace {

// The route that every interface has for its link-local addresses.
bool is_link_local(const netlink::Route& route) {
  return !route.dst.is_ipv4() && route.dst.address().is_link_local_unicast();
}

// Whether answers from the address take the route.
bool belongs_to(const netlink::Route& route, const Cidr& address) {
  if (route.dst.family() != address.family()) {
    return false;
  }
  return (!route.source && !route.gateway) || (route.source && address.contains(*route.source)) ||
         (route.gateway && address.contains(*route.gateway));
}

bool is_same_destination(const netlink::Route& a, const netlink::Route& b) {
  return a.dst == b.dst && a.priority == b.priority && a.gateway == b.gateway;
}

std::uint32_t take_table(std::set<std::uint32_t>& taken) {
  std::uint32_t table = kFirstTable;
  // 253 to 255 are the kernel's.
  while (taken.contains(table) || (table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL)) {
    ++table;
  }
  taken.insert(table);
  return table;
}

netlink::Route default_route(const IpAddress& gateway, const Cidr& address) {
  netlink::Route route{.dst = Cidr(IpAddress::unspecified(gateway.family()), 0),
                       .gateway = gateway};
  const bool link_local = !gateway.is_ipv4() && gateway.is_link_local_unicast();
  route.onlink = !address.contains(gateway) && !link_local;
  return route;
}

void plan_address(const Config& config, const cni::IpConfig& ip,
                  const std::vector<netlink::Route>& main_routes, std::uint32_t table, Plan& plan) {
  const auto add = [&](netlink::Route route) {
    route.table = table;
    plan.added.push_back(route);
  };
  const auto& configured = config.gateway(ip.address.family());
  const std::optional<IpAddress>& gateway = configured ? configured : ip.gateway;
  if (gateway) {
    add(default_route(*gateway, ip.address));
  }
  bool has_subnet = ip.address.prefix_length() == ip.address.address().bits();
  for (const netlink::Route& route : main_routes) {
    if (!belongs_to(route, ip.address)) {
      continue;
    }
    has_subnet = has_subnet || route.dst == ip.address.network();
    if (!gateway || !route.dst.is_default_route()) {
      add(route);
    }
    if (is_link_local(route)) {
      // Neighbour discovery needs it in every table, and that of other addresses in the main one.
      continue;
    }
    if (config.source_hints && !route.gateway) {
      netlink::Route hint = route;
      hint.source = ip.address.address();
      hint.scope = RT_SCOPE_LINK;
      plan.hints.push_back(hint);
    } else if (std::ranges::none_of(plan.removed, [&](const netlink::Route& other) {
                 return is_same_destination(route, other);
               })) {
      plan.removed.push_back(route);
    }
  }
  // Of an ADD before this one that found it in the main table.
  if (!has_subnet) {
    add({.dst = ip.address.network(), .source = ip.address.address(), .scope = RT_SCOPE_LINK});
  }
}

}  // namespace

Plan plan_source_routing(const Config& config, const std::vector<cni::IpConfig>& ips,
                         const std::vector<netlink::Route>& main_routes,
                         const std::set<std::uint32_t>& taken) {
  Plan plan;
  std::set<std::uint32_t> used = taken;
  for (const cni::IpConfig& ip : ips) {
    const std::uint32_t table = config.table != 0 ? config.table : take_table(used);
    plan.rules.push_back({.source = Cidr::host(ip.address.address()), .table = table});
    if (config.table == 0) {
      plan_address(config, ip, main_routes, table, plan);
    }
  }
  std::stable_partition(plan.added.begin(), plan.added.end(),
                        [](const netlink::Route& route) { return !route.gateway.has_value(); });
  return plan;
}

}  // namespace linnet::sbr
