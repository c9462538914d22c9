// Before the kernel's headers, which then leave out what it defines.
#include <netinet/in.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/vlan.h>
#include <netlink/route/link/vrf.h>
#include <sys/socket.h>

#include "netlink/internal/libnl.h"
#include "netlink/internal/libnl_gaps.h"
#include "netlink/internal/parse.h"
#include "netlink/link.h"

namespace linnet::netlink {

namespace {

constexpr std::uint16_t kLastVlan = 4094;

void read_driver(rtnl_link* object, Link& link) {
  if (link.kind == "macvlan") {
    link.macvlan = Macvlan{.mode = Macvlan::Mode{rtnl_link_macvlan_get_mode(object)}};
  } else if (link.kind == "ipvlan") {
    std::uint16_t mode = 0;
    static_cast<void>(rtnl_link_ipvlan_get_mode(object, &mode));
    link.ipvlan = Ipvlan{.mode = Ipvlan::Mode{mode}};
  } else if (link.kind == "vlan") {
    const int id = rtnl_link_vlan_get_id(object);
    link.vlan = TaggedVlan{.id = static_cast<std::uint16_t>(id < 0 ? 0 : id)};
  } else if (link.kind == "vrf") {
    std::uint32_t table = 0;
    if (rtnl_link_vrf_get_tableid(object, &table) == 0) {
      link.vrf_table = table;
    }
  }
}

std::string text_of(const char* text) { return text == nullptr ? std::string() : text; }

}  // namespace

std::optional<Link> parse_link(const nlmsghdr* message) {
  const nl::Object object =
      nl::header_of<ifinfomsg>(message, RTM_NEWLINK) != nullptr ? nl::parse(message) : nullptr;
  if (!object) {
    return std::nullopt;
  }
  auto* const read = reinterpret_cast<rtnl_link*>(object.get());
  const unsigned flags = rtnl_link_get_flags(read);
  Link link;
  link.index = rtnl_link_get_ifindex(read);
  link.name = text_of(rtnl_link_get_name(read));
  link.kind = text_of(rtnl_link_get_type(read));
  if (const nl_addr* address = rtnl_link_get_addr(read); address != nullptr) {
    link.mac = MacAddress::from_bytes(
                   {static_cast<const unsigned char*>(nl_addr_get_binary_addr(address)),
                    nl_addr_get_len(address)})
                   .value_or(MacAddress());
  }
  link.mtu = rtnl_link_get_mtu(read);
  link.up = (flags & IFF_UP) != 0;
  link.promiscuous = (flags & IFF_PROMISC) != 0;
  link.all_multicast = (flags & IFF_ALLMULTI) != 0;
  link.tx_queue_length = rtnl_link_get_txqlen(read);
  // Not operstate, which stays "unknown" for a link whose carrier never changed.
  link.operational = (flags & (IFF_LOWER_UP | IFF_RUNNING)) == (IFF_LOWER_UP | IFF_RUNNING);
  link.master = rtnl_link_get_master(read);
  link.peer = rtnl_link_get_link(read);
  link.alias = text_of(rtnl_link_get_ifalias(read));
  read_driver(read, link);
  nl::read_link_gaps(message, link);
  return link;
}

std::vector<Vlan> parse_vlans(const nlmsghdr* message, int port_index) {
  const auto* header = nl::header_of<ifinfomsg>(message, RTM_NEWLINK);
  if (header == nullptr || header->ifi_family != AF_BRIDGE || header->ifi_index != port_index) {
    return {};
  }
  const nl::Object object = nl::parse(message);
  const rtnl_link_bridge_vlan* const read =
      object ? rtnl_link_bridge_get_port_vlan(reinterpret_cast<rtnl_link*>(object.get())) : nullptr;
  if (read == nullptr) {
    return {};
  }
  const auto has = [](const std::uint32_t* bits, unsigned id) {
    return ((bits[id / 32] >> (id % 32)) & 1U) != 0;
  };
  std::vector<Vlan> vlans;
  for (std::uint16_t id = 1; id <= kLastVlan; ++id) {
    if (!has(read->vlan_bitmap, id)) {
      continue;
    }
    const Vlan vlan = {.first = id,
                       .last = id,
                       .pvid = id == read->pvid,
                       .untagged = has(read->untagged_bitmap, id)};
    Vlan* const before = vlans.empty() ? nullptr : &vlans.back();
    if (before != nullptr && before->last + 1 == id && before->untagged == vlan.untagged &&
        !before->pvid && !vlan.pvid) {
      before->last = id;
    } else {
      vlans.push_back(vlan);
    }
  }
  return vlans;
}

int link_index(const nlmsghdr* message) {
  const auto* header = nl::header_of<ifinfomsg>(message, message->nlmsg_type);
  return header == nullptr ? 0 : header->ifi_index;
}

}  // namespace linnet::netlink
