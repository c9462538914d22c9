#include "plugins/attach/result.h"

#include <algorithm>

namespace linnet::attach {

std::vector<Cidr> addresses_of(const cni::Result& result) {
  std::vector<Cidr> addresses;
  for (const cni::IpConfig& ip : result.ips) {
    addresses.push_back(ip.address);
  }
  return addresses;
}

void take_dns(cni::Result& result, const cni::NetConf& conf) {
  if (conf.dns_given && !conf.dns.empty()) {
    result.dns = conf.dns;
  }
}

const cni::Interface* find_interface(const cni::Result& result, std::string_view name,
                                     std::string_view sandbox) {
  const auto found = std::ranges::find_if(result.interfaces, [&](const cni::Interface& entry) {
    return entry.name == name && (entry.sandbox.empty() == sandbox.empty());
  });
  return found == result.interfaces.end() ? nullptr : &*found;
}

cni::Result own_part(const cni::Result& result, std::string_view ifname) {
  cni::Result own = result;
  std::erase_if(own.ips, [&](const cni::IpConfig& ip) {
    return ip.interface && result.interfaces[*ip.interface].name != ifname;
  });
  return own;
}

cni::Interface describe(const netlink::Link& link, const std::string& sandbox) {
  return {.name = link.name,
          .mac = link.mac.text(),
          .mtu = link.mtu,
          .sandbox = sandbox,
          .socket_path = {},
          .pci_id = {}};
}

}  // namespace linnet::attach
