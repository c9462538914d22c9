#include "plugins/bridge/device.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/sha512.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/sysctl.h"

namespace linnet::bridge {

namespace {

constexpr std::uint16_t kLargestVlan = 4094;
// The alias of a bridge whose MAC address is pinned, so that no port changes it.
constexpr std::string_view kPinnedAlias = "linnet:bridge";

MacAddress random_mac() {
  std::array<unsigned char, 6> seed{};
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    throw SystemError(errno, "get random bytes for a MAC address");
  }
  return MacAddress::local_from(seed);
}

// Returns false when another plugin made the bridge meanwhile.
bool create(netlink::RouteSocket& host, const Config& config) {
  netlink::Batch batch;
  netlink::create_bridge(
      batch, {.name = config.bridge, .mac = random_mac(), .vlan_filtering = config.uses_vlans()});
  // An MTU given at creation lasts until the first port goes; one that is set stays.
  netlink::change_link(batch, {.name = config.bridge,
                               .mtu = config.mtu != 0 ? std::optional(config.mtu) : std::nullopt,
                               .alias = std::string(kPinnedAlias)});
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  if (acks[0].error == EEXIST) {
    return false;
  }
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok()) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
  // Router advertisements of a container must not configure the host.
  netlink::write_sysctl_if_present(concat("net/ipv6/conf/", config.bridge, "/accept_ra"), "0");
  return true;
}

// What the bridge that is there lacks of the configuration.
netlink::LinkChange repair_of(const netlink::Link& bridge, const Config& config) {
  netlink::LinkChange repair{.index = bridge.index, .name = bridge.name};
  if (!bridge.up) {
    repair.up = true;
  }
  if (config.promiscuous && !bridge.promiscuous) {
    repair.promiscuous = true;
  }
  if (config.mtu != 0 && bridge.mtu != config.mtu) {
    repair.mtu = config.mtu;
  }
  if (config.uses_vlans() && !bridge.bridge->vlan_filtering) {
    repair.vlan_filtering = true;
  }
  // A bridge takes the lowest MAC address of its ports until one is set: then the gateway's address
  // changes under the containers. Setting the present one pins it.
  if (config.is_gateway && bridge.alias != kPinnedAlias) {
    repair.mac = bridge.mac;
    if (bridge.alias.empty()) {
      repair.alias = kPinnedAlias;
    }
  }
  return repair;
}

bool changes_anything(const netlink::LinkChange& change) {
  return change.up || change.promiscuous || change.mtu || change.mac || change.vlan_filtering;
}

// Every VLAN but `vlan`.
std::vector<netlink::Vlan> other_vlans(std::uint16_t vlan) {
  std::vector<netlink::Vlan> others;
  if (vlan > 1) {
    others.push_back({.first = 1, .last = static_cast<std::uint16_t>(vlan - 1)});
  }
  if (vlan < kLargestVlan) {
    others.push_back({.first = static_cast<std::uint16_t>(vlan + 1), .last = kLargestVlan});
  }
  return others;
}

void create_gateway_pair(netlink::RouteSocket& host, const netlink::Link& bridge,
                         const std::string& name, const Config& config) {
  netlink::Batch batch;
  netlink::create_veth(batch, {.name = concat("veth", sha512_hex(concat("vlan port\n", name), 11)),
                               .mac = random_mac(),
                               .peer_name = name,
                               .peer_mac = random_mac(),
                               .mtu = config.mtu,
                               .master = bridge.index});
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  if (!acks[0].ok() && acks[0].error != EEXIST) {
    throw netlink::Error(acks[0], batch.what(0));
  }
}

// Also for a pair that is there: the ADD that made it may have ended here.
void configure_gateway_pair(netlink::RouteSocket& host, const netlink::Link& gateway,
                            const netlink::Link& port, const Config& config) {
  netlink::Batch batch;
  netlink::add_vlans(batch, port.index,
                     {{.first = config.vlan, .last = config.vlan, .pvid = true, .untagged = true}});
  netlink::change_link(batch, {.index = port.index, .up = true});
  netlink::change_link(batch, {.index = gateway.index, .up = true});
  const std::size_t required = batch.size();
  netlink::remove_vlans(batch, port.index, other_vlans(config.vlan));
  // A kernel without IPv6 refuses; there is nothing to switch off then.
  netlink::change_link(batch, {.index = port.index, .no_ipv6_address = true});
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < required; ++i) {
    if (!acks[i].ok()) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

std::string describe(const Cidr& gateway, const netlink::Address& other,
                     const netlink::Link& link) {
  return concat(linnet::quoted(link.name), " already has an IP address different from ",
                gateway.text(), ": ", other.address.text(),
                " (remove it, or set \"forceAddress\": true)");
}

}  // namespace

netlink::Link ensure_bridge(netlink::RouteSocket& host, const Config& config) {
  std::optional<netlink::Link> found = host.find_link(config.bridge);
  if (!found) {
    static_cast<void>(create(host, config));
    found = host.get_link(config.bridge);
  }
  if (found->kind != "bridge") {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"bridge\": ", linnet::quoted(config.bridge),
                            " already exists but is not a bridge (it is ",
                            found->kind.empty() ? "a hardware interface" : found->kind,
                            "): choose another name"));
  }
  if (const netlink::LinkChange repair = repair_of(*found, config); changes_anything(repair)) {
    netlink::Batch batch;
    netlink::change_link(batch, repair);
    host.execute(batch);
    found->mtu = repair.mtu.value_or(found->mtu);
  }
  return *std::move(found);
}

netlink::Link ensure_gateway_interface(netlink::RouteSocket& host, const netlink::Link& bridge,
                                       const Config& config) {
  if (config.vlan == 0) {
    return bridge;
  }
  const std::string name = vlan_gateway_name(config);
  if (!host.find_link(name)) {
    create_gateway_pair(host, bridge, name, config);
  }
  netlink::Link gateway = host.get_link(name);
  // Any other kind of interface is the administrator's: only its addresses are looked after.
  if (gateway.kind == "veth") {
    if (const auto port = host.find_link(gateway.peer); port && port->master == bridge.index) {
      configure_gateway_pair(host, gateway, *port, config);
    }
  }
  return gateway;
}

void ensure_gateway_addresses(netlink::RouteSocket& host, const netlink::Link& link,
                              std::span<const Cidr> gateways, const Config& config) {
  const std::vector<netlink::Address> present = host.addresses(link.index);
  netlink::Batch batch;
  std::vector<bool> may_exist;
  for (const Cidr& gateway : gateways) {
    if (std::ranges::find(present, gateway, &netlink::Address::address) != present.end()) {
      continue;
    }
    for (const netlink::Address& other : present) {
      const bool same_family = other.address.family() == gateway.family();
      const bool own = std::ranges::find(gateways, other.address) != gateways.end();
      const bool in_the_way =
          same_family && !own && (gateway.is_ipv4() || other.address.overlaps(gateway));
      if (!in_the_way) {
        continue;
      }
      if (!config.force_address) {
        throw cni::Error(cni::Code::kInvalidNetworkConfig, describe(gateway, other, link));
      }
      netlink::remove_address(batch, link.index, other.address, link.name);
      may_exist.push_back(false);
    }
    netlink::add_address(batch, link.index, gateway, link.name,
                         {.detection = netlink::DuplicateDetection::kNone});
    may_exist.push_back(true);
  }
  if (batch.empty()) {
    return;
  }
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    // Another plugin may have added or removed the same address meanwhile.
    const bool settled = may_exist[i] ? acks[i].error == EEXIST : acks[i].error == EADDRNOTAVAIL;
    if (!acks[i].ok() && !settled) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

}  // namespace linnet::bridge
