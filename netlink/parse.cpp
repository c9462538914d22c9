#include "netlink/parse.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "netlink/message.h"

namespace linnet::netlink {

namespace {

constexpr unsigned char kPortForwarding = 3;  // BR_STATE_FORWARDING

Tun parse_tun(std::span<const unsigned char> nest) {
  constexpr std::uint8_t kTap = 2;  // IFF_TAP of linux/if_tun.h
  const Attributes<IFLA_TUN_MAX> data(nest);
  const auto flag = [&](int attribute) {
    return data.number<std::uint8_t>(attribute).value_or(0) != 0;
  };
  return {.is_tap = data.number<std::uint8_t>(IFLA_TUN_TYPE) == kTap,
          .persistent = flag(IFLA_TUN_PERSIST),
          .multi_queue = flag(IFLA_TUN_MULTI_QUEUE),
          .owner = data.number<std::uint32_t>(IFLA_TUN_OWNER),
          .group = data.number<std::uint32_t>(IFLA_TUN_GROUP)};
}

void parse_link_info(std::span<const unsigned char> nest, Link& link) {
  const Attributes<IFLA_INFO_MAX> info(nest);
  link.kind = info.text(IFLA_INFO_KIND);
  if (link.kind == "bridge" && info.has(IFLA_INFO_DATA)) {
    const Attributes<IFLA_BR_MAX> data(info.bytes(IFLA_INFO_DATA));
    link.bridge = Link::Bridge{
        .vlan_filtering = data.number<std::uint8_t>(IFLA_BR_VLAN_FILTERING).value_or(0) != 0};
  }
  if (link.kind == "macvlan") {
    const Attributes<IFLA_MACVLAN_MAX> data(info.bytes(IFLA_INFO_DATA));
    link.macvlan =
        Macvlan{.mode = Macvlan::Mode{data.number<std::uint32_t>(IFLA_MACVLAN_MODE).value_or(0)},
                .broadcast_queue_length =
                    data.number<std::uint32_t>(IFLA_MACVLAN_BC_QUEUE_LEN).value_or(0)};
  }
  if (link.kind == "ipvlan") {
    const Attributes<IFLA_IPVLAN_MAX> data(info.bytes(IFLA_INFO_DATA));
    link.ipvlan =
        Ipvlan{.mode = Ipvlan::Mode{data.number<std::uint16_t>(IFLA_IPVLAN_MODE).value_or(0)},
               .flag = Ipvlan::Flag{data.number<std::uint16_t>(IFLA_IPVLAN_FLAGS).value_or(0)}};
  }
  if (link.kind == "vlan") {
    const Attributes<IFLA_VLAN_MAX> data(info.bytes(IFLA_INFO_DATA));
    link.vlan = TaggedVlan{.id = data.number<std::uint16_t>(IFLA_VLAN_ID).value_or(0)};
  }
  if (link.kind == "vrf") {
    const Attributes<IFLA_VRF_MAX> data(info.bytes(IFLA_INFO_DATA));
    link.vrf_table = data.number<std::uint32_t>(IFLA_VRF_TABLE);
  }
  if (link.kind == "tun") {
    link.tun = parse_tun(info.bytes(IFLA_INFO_DATA));
  }
  if (info.text(IFLA_INFO_SLAVE_KIND) == "bridge" && info.has(IFLA_INFO_SLAVE_DATA)) {
    const Attributes<IFLA_BRPORT_MAX> data(info.bytes(IFLA_INFO_SLAVE_DATA));
    link.port =
        Link::Port{.forwarding = data.number<std::uint8_t>(IFLA_BRPORT_STATE) == kPortForwarding,
                   .hairpin = data.number<std::uint8_t>(IFLA_BRPORT_MODE).value_or(0) != 0,
                   .isolated = data.number<std::uint8_t>(IFLA_BRPORT_ISOLATED).value_or(0) != 0};
  }
}

std::optional<IpAddress> address_of(std::span<const unsigned char> bytes) {
  return IpAddress::from_bytes(bytes);
}

void parse_metrics(std::span<const unsigned char> nest, Route& route) {
  const Attributes<RTAX_MAX> metrics(nest);
  route.mtu = metrics.number<std::uint32_t>(RTAX_MTU).value_or(0);
  route.advmss = metrics.number<std::uint32_t>(RTAX_ADVMSS).value_or(0);
}

// The next hops of a multipath route, each with the attributes the message gives all of them.
std::vector<Route> parse_next_hops(std::span<const unsigned char> bytes, const Route& common) {
  std::vector<Route> routes;
  while (bytes.size() >= sizeof(rtnexthop)) {
    rtnexthop hop;
    std::memcpy(&hop, bytes.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > bytes.size()) {
      break;
    }
    const Attributes<RTA_MAX> attributes(bytes.subspan(sizeof hop, hop.rtnh_len - sizeof hop));
    Route route = common;
    route.link = hop.rtnh_ifindex;
    route.onlink = (hop.rtnh_flags & RTNH_F_ONLINK) != 0;
    route.gateway = address_of(attributes.bytes(RTA_GATEWAY));
    routes.push_back(route);
    bytes = bytes.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), bytes.size()));
  }
  return routes;
}

}  // namespace

std::optional<Link> parse_link(const nlmsghdr* message) {
  const auto* header = header_of<ifinfomsg>(message, RTM_NEWLINK);
  if (header == nullptr) {
    return std::nullopt;
  }
  const Attributes<IFLA_MAX> attributes(message, sizeof *header);
  Link link;
  link.index = header->ifi_index;
  link.name = attributes.text(IFLA_IFNAME);
  link.mac = MacAddress::from_bytes(attributes.bytes(IFLA_ADDRESS)).value_or(MacAddress());
  link.mtu = attributes.number<std::uint32_t>(IFLA_MTU).value_or(0);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.promiscuous = (header->ifi_flags & IFF_PROMISC) != 0;
  link.all_multicast = (header->ifi_flags & IFF_ALLMULTI) != 0;
  link.tx_queue_length = attributes.number<std::uint32_t>(IFLA_TXQLEN).value_or(0);
  // Not operstate, which stays "unknown" for a link whose carrier never changed.
  link.operational =
      (header->ifi_flags & (IFF_LOWER_UP | IFF_RUNNING)) == (IFF_LOWER_UP | IFF_RUNNING);
  link.master = attributes.number<int>(IFLA_MASTER).value_or(0);
  link.peer = attributes.number<int>(IFLA_LINK).value_or(0);
  link.alias = attributes.text(IFLA_IFALIAS);
  parse_link_info(attributes.bytes(IFLA_LINKINFO), link);
  return link;
}

int link_index(const nlmsghdr* message) {
  const auto* header = header_of<ifinfomsg>(message, message->nlmsg_type);
  return header == nullptr ? 0 : header->ifi_index;
}

std::optional<Address> parse_address(const nlmsghdr* message, int link) {
  const auto* header = header_of<ifaddrmsg>(message, RTM_NEWADDR);
  if (header == nullptr || header->ifa_index != static_cast<unsigned>(link)) {
    return std::nullopt;
  }
  const Attributes<IFA_MAX> attributes(message, sizeof *header);
  // IFA_ADDRESS is the far end of a point-to-point link; IFA_LOCAL, where given, is ours.
  const int own = attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS;
  const std::optional<IpAddress> address = address_of(attributes.bytes(own));
  if (!address || header->ifa_prefixlen > address->bits()) {
    return std::nullopt;
  }
  const std::uint32_t flags =
      attributes.number<std::uint32_t>(IFA_FLAGS).value_or(header->ifa_flags);
  return Address{.address = {*address, header->ifa_prefixlen},
                 .tentative = (flags & IFA_F_TENTATIVE) != 0,
                 .dad_failed = (flags & IFA_F_DADFAILED) != 0,
                 .permanent = (flags & IFA_F_PERMANENT) != 0,
                 .scope = header->ifa_scope};
}

std::vector<Route> parse_routes(const nlmsghdr* message) {
  const auto* header = header_of<rtmsg>(message, RTM_NEWROUTE);
  if (header == nullptr || header->rtm_type != RTN_UNICAST ||
      (header->rtm_flags & RTM_F_CLONED) != 0) {
    return {};
  }
  const Attributes<RTA_MAX> attributes(message, sizeof *header);
  const Family family = header->rtm_family == AF_INET ? Family::kIpv4 : Family::kIpv6;
  const IpAddress destination =
      address_of(attributes.bytes(RTA_DST)).value_or(IpAddress::unspecified(family));
  if (header->rtm_dst_len > destination.bits()) {
    return {};
  }
  Route route;
  route.dst = {destination, header->rtm_dst_len};
  route.gateway = address_of(attributes.bytes(RTA_GATEWAY));
  route.source = address_of(attributes.bytes(RTA_PREFSRC));
  route.link = attributes.number<int>(RTA_OIF).value_or(0);
  route.priority = attributes.number<std::uint32_t>(RTA_PRIORITY).value_or(0);
  route.table = attributes.number<std::uint32_t>(RTA_TABLE).value_or(header->rtm_table);
  route.protocol = header->rtm_protocol;
  route.scope = header->rtm_scope;
  route.onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
  parse_metrics(attributes.bytes(RTA_METRICS), route);
  if (attributes.has(RTA_MULTIPATH)) {
    return parse_next_hops(attributes.bytes(RTA_MULTIPATH), route);
  }
  return {route};
}

std::optional<RouteLookup> parse_route_lookup(const nlmsghdr* message) {
  const auto* header = header_of<rtmsg>(message, RTM_NEWROUTE);
  if (header == nullptr || (header->rtm_type != RTN_UNICAST && header->rtm_type != RTN_LOCAL)) {
    return std::nullopt;
  }
  const Attributes<RTA_MAX> attributes(message, sizeof *header);
  const bool local = header->rtm_type == RTN_LOCAL;
  return RouteLookup{.local = local,
                     .on_link = !local && !attributes.has(RTA_GATEWAY) && !attributes.has(RTA_VIA),
                     .link = attributes.number<int>(RTA_OIF).value_or(0)};
}

std::vector<Vlan> parse_vlans(const nlmsghdr* message, int port_index) {
  const auto* header = header_of<ifinfomsg>(message, RTM_NEWLINK);
  if (header == nullptr || header->ifi_index != port_index) {
    return {};
  }
  const Attributes<IFLA_MAX> attributes(message, sizeof *header);
  std::vector<Vlan> vlans;
  std::span<const unsigned char> rest = attributes.bytes(IFLA_AF_SPEC);
  while (const std::optional<Attribute> attribute = take_attribute(rest)) {
    bridge_vlan_info info;
    if (attribute->type != IFLA_BRIDGE_VLAN_INFO || attribute->value.size() < sizeof info) {
      continue;
    }
    std::memcpy(&info, attribute->value.data(), sizeof info);
    if ((info.flags & BRIDGE_VLAN_INFO_RANGE_END) != 0 && !vlans.empty()) {
      vlans.back().last = info.vid;
      continue;
    }
    vlans.push_back({.first = info.vid,
                     .last = info.vid,
                     .pvid = (info.flags & BRIDGE_VLAN_INFO_PVID) != 0,
                     .untagged = (info.flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0});
  }
  return vlans;
}

}  // namespace linnet::netlink
