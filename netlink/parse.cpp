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

// Attributes newer than these headers are skipped by the parser; the limits are what is read here.
constexpr Attributes<IFLA_MAX>::Policy kNoLinkPolicy = {};
constexpr Attributes<IFLA_INFO_MAX>::Policy kNoInfoPolicy = {};
constexpr Attributes<IFLA_BR_MAX>::Policy kNoBridgePolicy = {};
constexpr Attributes<IFLA_BRPORT_MAX>::Policy kNoPortPolicy = {};
constexpr Attributes<IFA_MAX>::Policy kNoAddressPolicy = {};
constexpr Attributes<RTA_MAX>::Policy kNoRoutePolicy = {};
constexpr Attributes<RTAX_MAX>::Policy kNoMetricsPolicy = {};

constexpr unsigned char kOperstateUp = 6;       // IF_OPER_UP, RFC 2863
constexpr unsigned char kPortForwarding = 3;    // BR_STATE_FORWARDING

template <typename Header>
const Header* header_of(const nlmsghdr* message, int type) {
  if (message->nlmsg_type != type || nlmsg_datalen(message) < static_cast<int>(sizeof(Header))) {
    return nullptr;
  }
  return static_cast<const Header*>(nlmsg_data(message));
}

void parse_link_info(const nlattr* nest, Link& link) {
  const Attributes<IFLA_INFO_MAX> info(nest, kNoInfoPolicy);
  link.kind = info.text(IFLA_INFO_KIND);
  if (link.kind == "bridge" && info.has(IFLA_INFO_DATA)) {
    const Attributes<IFLA_BR_MAX> data(info.find(IFLA_INFO_DATA), kNoBridgePolicy);
    link.bridge = Link::Bridge{
        .vlan_filtering = data.number<std::uint8_t>(IFLA_BR_VLAN_FILTERING).value_or(0) != 0};
  }
  if (info.text(IFLA_INFO_SLAVE_KIND) == "bridge" && info.has(IFLA_INFO_SLAVE_DATA)) {
    const Attributes<IFLA_BRPORT_MAX> data(info.find(IFLA_INFO_SLAVE_DATA), kNoPortPolicy);
    link.port = Link::Port{
        .forwarding = data.number<std::uint8_t>(IFLA_BRPORT_STATE) == kPortForwarding,
        .hairpin = data.number<std::uint8_t>(IFLA_BRPORT_MODE).value_or(0) != 0,
        .isolated = data.number<std::uint8_t>(IFLA_BRPORT_ISOLATED).value_or(0) != 0};
  }
}

std::optional<IpAddress> address_of(std::span<const unsigned char> bytes) {
  return IpAddress::from_bytes(bytes);
}

void parse_metrics(const nlattr* nest, Route& route) {
  const Attributes<RTAX_MAX> metrics(nest, kNoMetricsPolicy);
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
    const Attributes<RTA_MAX> attributes(
        reinterpret_cast<const nlattr*>(bytes.data() + sizeof hop),
        static_cast<int>(hop.rtnh_len - sizeof hop), kNoRoutePolicy);
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
  const Attributes<IFLA_MAX> attributes(message, sizeof *header, kNoLinkPolicy);
  Link link;
  link.index = header->ifi_index;
  link.name = attributes.text(IFLA_IFNAME);
  link.mac = MacAddress::from_bytes(attributes.bytes(IFLA_ADDRESS)).value_or(MacAddress());
  link.mtu = attributes.number<std::uint32_t>(IFLA_MTU).value_or(0);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.promiscuous = (header->ifi_flags & IFF_PROMISC) != 0;
  link.operational = attributes.number<std::uint8_t>(IFLA_OPERSTATE) == kOperstateUp;
  link.master = attributes.number<int>(IFLA_MASTER).value_or(0);
  link.peer = attributes.number<int>(IFLA_LINK).value_or(0);
  link.alias = attributes.text(IFLA_IFALIAS);
  if (const nlattr* info = attributes.find(IFLA_LINKINFO)) {
    parse_link_info(info, link);
  }
  return link;
}

int link_index(const nlmsghdr* message) {
  if (nlmsg_datalen(message) < static_cast<int>(sizeof(ifinfomsg))) {
    return 0;
  }
  return static_cast<const ifinfomsg*>(nlmsg_data(message))->ifi_index;
}

std::optional<Address> parse_address(const nlmsghdr* message, int link) {
  const auto* header = header_of<ifaddrmsg>(message, RTM_NEWADDR);
  if (header == nullptr || header->ifa_index != static_cast<unsigned>(link)) {
    return std::nullopt;
  }
  const Attributes<IFA_MAX> attributes(message, sizeof *header, kNoAddressPolicy);
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
  const Attributes<RTA_MAX> attributes(message, sizeof *header, kNoRoutePolicy);
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
  route.scope = header->rtm_scope;
  route.onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
  if (const nlattr* metrics = attributes.find(RTA_METRICS)) {
    parse_metrics(metrics, route);
  }
  if (attributes.has(RTA_MULTIPATH)) {
    return parse_next_hops(attributes.bytes(RTA_MULTIPATH), route);
  }
  return {route};
}

std::vector<Vlan> parse_vlans(const nlmsghdr* message, int port_index) {
  const auto* header = header_of<ifinfomsg>(message, RTM_NEWLINK);
  if (header == nullptr || header->ifi_index != port_index) {
    return {};
  }
  const Attributes<IFLA_MAX> attributes(message, sizeof *header, kNoLinkPolicy);
  const nlattr* nest = attributes.find(IFLA_AF_SPEC);
  if (nest == nullptr) {
    return {};
  }
  std::vector<Vlan> vlans;
  const auto* attribute = static_cast<const nlattr*>(nla_data(nest));
  int remaining = nla_len(nest);
  for (; nla_ok(attribute, remaining) != 0; attribute = nla_next(attribute, &remaining)) {
    if (nla_type(attribute) != IFLA_BRIDGE_VLAN_INFO ||
        nla_len(attribute) < static_cast<int>(sizeof(bridge_vlan_info))) {
      continue;
    }
    bridge_vlan_info info;
    std::memcpy(&info, nla_data(attribute), sizeof info);
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
