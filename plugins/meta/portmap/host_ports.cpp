#include "plugins/meta/portmap/host_ports.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/text.h"
#include "libcni/error.h"
#include "netlink/listeners.h"

namespace linnet::portmap {

namespace {

constexpr std::string_view kPortKeeper = "conmon";

// The addresses that a mapping redirects: one, or every one of a family.
std::vector<IpAddress> redirected(const PortMapping& mapping, const std::vector<Cidr>& addresses) {
  std::vector<IpAddress> result;
  for (const Cidr& container : addresses) {
    const IpAddress address = mapping.host_ip.value_or(IpAddress::unspecified(container.family()));
    if (address.family() == container.family()) {
      result.push_back(address);
    }
  }
  return result;
}

bool takes_port(const netlink::Listener& listener, const PortMapping& mapping,
                const std::vector<IpAddress>& destinations) {
  return listener.protocol == mapping.protocol && listener.port >= mapping.host_port &&
         listener.port - mapping.host_port < mapping.count &&
         std::ranges::any_of(destinations,
                             [&](const IpAddress& address) { return listener.takes(address); });
}

void refuse(const netlink::Listener& listener) {
  const std::optional<netlink::ProcessName> process =
      netlink::find_process_with_socket(listener.inode);
  if (process && process->name == kPortKeeper) {
    return;
  }
  throw cni::Error(
      cni::Code::kInvalidNetworkConfig,
      concat("\"runtimeConfig.portMappings\": ", protocol_name(listener.protocol), " port ",
             listener.port, " of the host is in use: ",
             process ? concat(process->name, " (process ", process->pid, ")") : "a socket",
             " listens on ", listener.address.text(), ": choose another hostPort or hostIP"));
}

}  // namespace

void refuse_ports_in_use(const Config& config, const std::vector<Cidr>& addresses) {
  std::set<std::uint8_t> protocols;
  for (const PortMapping& mapping : config.mappings) {
    protocols.insert(mapping.protocol);
  }
  netlink::ListenerSocket socket;
  for (const std::uint8_t protocol : protocols) {
    const std::vector<netlink::Listener> listeners = socket.list(protocol);
    for (const PortMapping& mapping : config.mappings) {
      if (mapping.protocol != protocol) {
        continue;
      }
      const std::vector<IpAddress> destinations = redirected(mapping, addresses);
      for (const netlink::Listener& listener : listeners) {
        if (takes_port(listener, mapping, destinations)) {
          refuse(listener);
        }
      }
    }
  }
}

}  // namespace linnet::portmap
