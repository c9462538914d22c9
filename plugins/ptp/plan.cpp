#include "plugins/ptp/plan.h"

#include <algorithm>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::ptp {

namespace {

IpAddress unnumbered_gateway(Family family) {
  return IpAddress::parse(family == Family::kIpv4 ? "169.254.1.1" : "fe80::1").value();
}

// Reached over every link without a route of its own.
bool is_ipv6_link_local(const IpAddress& address) {
  return !address.is_ipv4() && address.is_link_local_unicast();
}

// The kernel wants one prefix length for all link-local addresses.
constexpr unsigned kLinkLocalPrefix = 64;

bool has_route_to(const std::vector<netlink::Route>& routes, const Cidr& destination) {
  return std::ranges::find(routes, destination, &netlink::Route::dst) != routes.end();
}

// To the gateway, and to the subnet through it.
void add_subnet_routes(std::vector<netlink::Route>& routes, const cni::IpConfig& ip) {
  const IpAddress& gateway = ip.gateway.value();
  // The kernel refuses an IPv6 source address that is tentative, which a new one is for a moment, and picks
  // the right one by itself.
  const std::optional<IpAddress> source =
      gateway.is_ipv4() ? std::optional(ip.address.address()) : std::nullopt;
  const Cidr neighbour(gateway, gateway.bits());
  if (!is_ipv6_link_local(gateway) && !has_route_to(routes, neighbour)) {
    routes.push_back({.dst = neighbour, .source = source});
  }
  const Cidr subnet = ip.address.network();
  if (ip.address.prefix_length() < gateway.bits() && !has_route_to(routes, subnet)) {
    routes.push_back({.dst = subnet, .gateway = gateway, .source = source});
  }
}

}  // namespace

void complete_addresses(cni::Result& result) {
  for (cni::IpConfig& ip : result.ips) {
    ip.interface = kContainerInterface;
    if (!ip.gateway) {
      ip.gateway = unnumbered_gateway(ip.address.family());
    }
    if (*ip.gateway == ip.address.address() || ip.gateway->family() != ip.address.family()) {
      throw cni::Error(
          cni::Code::kInvalidNetworkConfig,
          concat("\"ipam\": gateway ", ip.gateway->text(), " of address ", ip.address.text(),
                 " must be another address of the same family: change it, or leave it "
                 "out and the host answers as ",
                 unnumbered_gateway(ip.address.family()).text()));
    }
  }
}

attach::InterfacePlan plan_container(const cni::Result& result) {
  attach::InterfacePlan plan = attach::plan_interface(result);
  plan.subnet_route = netlink::SubnetRoute::kNone;
  std::vector<netlink::Route> routes;
  for (const cni::IpConfig& ip : result.ips) {
    add_subnet_routes(routes, ip);
  }
  std::stable_partition(routes.begin(), routes.end(),
                        [](const auto& route) { return !route.gateway; });
  plan.routes.insert(plan.routes.begin(), routes.begin(), routes.end());
  return plan;
}

HostPlan plan_host(const cni::Result& result) {
  HostPlan plan;
  for (const cni::IpConfig& ip : result.ips) {
    const IpAddress& gateway = ip.gateway.value();
    const Cidr address(gateway, is_ipv6_link_local(gateway) ? kLinkLocalPrefix : gateway.bits());
    if (std::ranges::find(plan.addresses, address) == plan.addresses.end()) {
      plan.addresses.push_back(address);
    }
    const IpAddress& container = ip.address.address();
    plan.routes.push_back({.dst = Cidr(container, container.bits())});
  }
  return plan;
}

}  // namespace linnet::ptp
