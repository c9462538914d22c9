#include "plugins/attach/result.h"

namespace linnet::attach {

std::vector<Cidr> addresses_of(const cni::Result& result) {
  std::vector<Cidr> addresses;
  for (const cni::IpConfig& ip : result.ips) {
    addresses.push_back(ip.address);
  }
  return addresses;
}

cni::Interface describe(const netlink::Link& link, const std::string& sandbox) {
  return {.name = link.name,
          .mac = link.mac.text(),
          .mtu = link.mtu,
          .sandbox = sandbox,
          .socket_path = {},
          .pci_id = {}};
}

cni::Result own_part(const cni::Result& prev, const std::string& ifname) {
  cni::Result own = prev;
  std::erase_if(own.ips, [&](const cni::IpConfig& ip) {
    return ip.interface && prev.interfaces[*ip.interface].name != ifname;
  });
  return own;
}

}  // namespace linnet::attach
