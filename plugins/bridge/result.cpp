#include "plugins/bridge/result.h"

#include <algorithm>

namespace linnet::bridge {

namespace {

void add_default_route(cni::Result& result, const IpAddress& gateway) {
  const bool present = std::ranges::any_of(result.routes, [&](const cni::Route& route) {
    return route.dst.is_default_route() && route.dst.family() == gateway.family() && route.gw;
  });
  if (!present) {
    // A default route of IPAM without a gateway takes this one.
    std::erase_if(result.routes, [&](const cni::Route& route) {
      return route.dst.is_default_route() && route.dst.family() == gateway.family() &&
             !route.table && route.priority == 0 && route.mtu == 0 && route.advmss == 0;
    });
    cni::Route& route = result.routes.emplace_back();
    route.dst = Cidr(IpAddress::unspecified(gateway.family()), 0);
    route.gw = gateway;
  }
}

}  // namespace

void complete_addresses(cni::Result& result, const Config& config) {
  for (cni::IpConfig& ip : result.ips) {
    ip.interface = kContainerInterface;
    if (config.is_gateway && !ip.gateway) {
      ip.gateway = ip.address.first().next();
    }
    if (config.is_default_gateway && ip.gateway) {
      add_default_route(result, *ip.gateway);
    }
  }
}

std::vector<Cidr> gateway_addresses(const cni::Result& result) {
  std::vector<Cidr> gateways;
  for (const cni::IpConfig& ip : result.ips) {
    if (!ip.gateway) {
      continue;
    }
    const Cidr gateway(*ip.gateway, ip.address.prefix_length());
    if (std::ranges::find(gateways, gateway) == gateways.end()) {
      gateways.push_back(gateway);
    }
  }
  return gateways;
}

}  // namespace linnet::bridge
