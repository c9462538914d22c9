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

}  // namespace linnet::attach
