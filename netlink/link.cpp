#include "netlink/link.h"

// Before the kernel's headers, which then leave out what it defines.
#include <netinet/in.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/inet.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/link/vlan.h>
#include <netlink/route/link/vrf.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "netlink/conversation.h"
#include "netlink/internal/libnl.h"
#include "netlink/internal/libnl_gaps.h"

namespace linnet::netlink {

namespace {

using nl::LinkObject;
using nl::require;

constexpr int kNew = NLM_F_CREATE | NLM_F_EXCL;
// What a sender of a macvlan takes in a message: an attribute of six bytes.
constexpr std::size_t kBytesPerSource = 12;

std::string label(int index, const std::string& name) {
  return name.empty() ? concat("link ", index) : name;
}

// libnl would cut a longer name, and the request would be about another link.
void set_name(rtnl_link* link, const std::string& name) {
  if (name.size() >= IFNAMSIZ) {
    throw SystemError(ENAMETOOLONG, concat("link name ", name));
  }
  rtnl_link_set_name(link, name.c_str());
}

void set_mac(rtnl_link* link, const MacAddress& mac) {
  rtnl_link_set_addr(link, nl::to_bytes(mac).get());
}

void set_mtu(rtnl_link* link, std::uint32_t mtu) {
  if (mtu != 0) {
    rtnl_link_set_mtu(link, mtu);
  }
}

void set_flag(rtnl_link* link, unsigned flag, std::optional<bool> value) {
  if (value) {
    *value ? rtnl_link_set_flags(link, flag) : rtnl_link_unset_flags(link, flag);
  }
}

void set_kind(rtnl_link* link, const std::string& kind) {
  require(rtnl_link_set_type(link, kind.c_str()), concat("make a link of kind ", kind));
}

// One queue per direction: the kernel otherwise makes one for every possible CPU, which costs memory and
// time at creation and gains nothing on a device whose receive path runs on the sender's CPU.
void set_single_queue(rtnl_link* link) {
  rtnl_link_set_num_tx_queues(link, 1);
  rtnl_link_set_num_rx_queues(link, 1);
}

void set_protocol_settings(rtnl_link* link, const LinkChange& change) {
  constexpr std::string_view kWhat = "change a link's protocol settings";
  if (change.arp_filter) {
    require(rtnl_link_inet_set_conf(link, IPV4_DEVCONF_ARPFILTER, *change.arp_filter ? 1 : 0),
            kWhat);
  }
  if (change.arp_notify) {
    require(rtnl_link_inet_set_conf(link, IPV4_DEVCONF_ARP_NOTIFY, *change.arp_notify ? 1 : 0),
            kWhat);
  }
  if (change.no_ipv6_address) {
    require(rtnl_link_inet6_set_addr_gen_mode(link, IN6_ADDR_GEN_MODE_NONE), kWhat);
  }
}

LinkObject make_object(const Macvlan& macvlan) {
  LinkObject link = nl::own<LinkObject>(rtnl_link_macvlan_alloc());
  require(rtnl_link_macvlan_set_mode(link.get(), static_cast<std::uint32_t>(macvlan.mode)),
          "set the mode of a macvlan");
  if (!macvlan.sources.empty()) {
    require(rtnl_link_macvlan_set_macmode(link.get(), MACVLAN_MACADDR_SET),
            "set the senders of a macvlan");
  }
  for (const MacAddress& source : macvlan.sources) {
    require(rtnl_link_macvlan_add_macaddr(link.get(), nl::to_bytes(source).get()),
            "add a sender of a macvlan");
  }
  return link;
}

LinkObject make_object(const Ipvlan& ipvlan) {
  LinkObject link = nl::own<LinkObject>(rtnl_link_ipvlan_alloc());
  require(rtnl_link_ipvlan_set_mode(link.get(), static_cast<std::uint16_t>(ipvlan.mode)),
          "set the mode of an ipvlan");
  return link;
}

LinkObject make_object(const TaggedVlan& vlan) {
  LinkObject link = nl::own<LinkObject>(rtnl_link_vlan_alloc());
  require(rtnl_link_vlan_set_id(link.get(), vlan.id), "set the id of a VLAN");
  return link;
}

void add_driver_gaps(const nl::Message& message, const Macvlan& macvlan) {
  if (macvlan.broadcast_queue_length != 0) {
    nl::add_broadcast_queue_length(message, macvlan.broadcast_queue_length);
  }
}
void add_driver_gaps(const nl::Message& message, const Ipvlan& ipvlan) {
  nl::add_ipvlan_flag(message, ipvlan.flag);
}
void add_driver_gaps(const nl::Message&, const TaggedVlan&) {}

// A message of libnl does not grow by itself: the size of the next ones, and of none after this one.
class MessageSize {
 public:
  explicit MessageSize(std::size_t more) { nlmsg_set_default_size(kUsual + more); }
  MessageSize(const MessageSize&) = delete;
  MessageSize& operator=(const MessageSize&) = delete;
  ~MessageSize() { nlmsg_set_default_size(kUsual); }

 private:
  static constexpr std::size_t kUsual = 1024;
};

nl::Message new_link(const LinkObject& link, std::string_view what) {
  return nl::build_message(what, [&](nl_msg** message) {
    return rtnl_link_build_add_request(link.get(), kNew, message);
  });
}

// A change of the link in `link`, as a message of `type`; libnl chooses among the types by what it knows to write.
nl::Message change_message(const LinkObject& link, int type, std::string_view what) {
  nl::Message message = nl::build_message(what, [&](nl_msg** built) {
    return rtnl_link_build_add_request(link.get(), 0, built);
  });
  nlmsg_hdr(message.get())->nlmsg_type = static_cast<std::uint16_t>(type);
  return message;
}

LinkObject port_object(int index) {
  LinkObject link = nl::own<LinkObject>(rtnl_link_alloc());
  rtnl_link_set_family(link.get(), AF_BRIDGE);
  rtnl_link_set_ifindex(link.get(), index);
  return link;
}

void change_vlans(Batch& batch, int type, int port_index, const std::vector<Vlan>& vlans) {
  const std::string what =
      concat(type == RTM_SETLINK ? "add" : "remove", " VLANs of port ", port_index);
  const nl::Message message = change_message(port_object(port_index), type, what);
  nl::add_port_vlans(message, vlans);
  nl::append(batch, message, what);
}

nl::Message removal(const LinkObject& link, std::string_view what) {
  return nl::build_message(what, [&](nl_msg** message) {
    return rtnl_link_build_delete_request(link.get(), message);
  });
}

}  // namespace

void create_bridge(Batch& batch, const NewBridge& bridge) {
  const std::string what = concat("create bridge ", bridge.name,
                                  bridge.vlan_filtering ? " with VLAN filtering" : "");
  const LinkObject link = nl::own<LinkObject>(rtnl_link_bridge_alloc());
  set_name(link.get(), bridge.name);
  set_mac(link.get(), bridge.mac);
  set_flag(link.get(), IFF_UP, true);
  const nl::Message message = new_link(link, what);
  if (bridge.vlan_filtering) {
    nl::add_vlan_filtering(message, true);
  }
  nl::append(batch, message, what);
}

void create_veth(Batch& batch, const NewVeth& veth) {
  const std::string what = concat("create veth ", veth.name, " with peer ", veth.peer_name,
                                  veth.mtu != 0 ? concat(" and MTU ", veth.mtu) : "");
  const LinkObject link = nl::own<LinkObject>(rtnl_link_veth_alloc());
  set_name(link.get(), veth.name);
  set_mac(link.get(), veth.mac);
  set_mtu(link.get(), veth.mtu);
  set_single_queue(link.get());
  if (veth.master != 0) {
    rtnl_link_set_master(link.get(), veth.master);
  }
  const LinkObject peer = nl::own<LinkObject>(rtnl_link_veth_get_peer(link.get()));
  set_name(peer.get(), veth.peer_name);
  set_mac(peer.get(), veth.peer_mac);
  set_mtu(peer.get(), veth.mtu);
  set_single_queue(peer.get());
  if (veth.peer_netns >= 0) {
    rtnl_link_set_ns_fd(peer.get(), veth.peer_netns);
  }
  nl::append(batch, new_link(link, what), what);
}

void create_child(Batch& batch, const NewChild& child) {
  constexpr std::array<std::string_view, 3> kKinds = {"macvlan", "ipvlan", "vlan"};
  const std::string what = concat("create ", kKinds.at(child.driver.index()), ' ', child.name);
  const LinkObject link =
      std::visit([](const auto& driver) { return make_object(driver); }, child.driver);
  set_name(link.get(), child.name);
  rtnl_link_set_link(link.get(), child.parent);
  if (child.mac) {
    set_mac(link.get(), *child.mac);
  }
  set_mtu(link.get(), child.mtu);
  if (child.netns >= 0) {
    rtnl_link_set_ns_fd(link.get(), child.netns);
  }
  const auto* macvlan = std::get_if<Macvlan>(&child.driver);
  const MessageSize size(macvlan == nullptr ? 0 : macvlan->sources.size() * kBytesPerSource);
  const nl::Message message = new_link(link, what);
  std::visit([&](const auto& driver) { add_driver_gaps(message, driver); }, child.driver);
  nl::append(batch, message, what);
}

void create_device(Batch& batch, const NewDevice& device) {
  const std::string what = concat("create ", device.kind, ' ', device.name);
  const LinkObject link = nl::own<LinkObject>(rtnl_link_alloc());
  set_kind(link.get(), device.kind);
  set_name(link.get(), device.name);
  if (device.mac) {
    set_mac(link.get(), *device.mac);
  }
  set_mtu(link.get(), device.mtu);
  if (device.tx_queue_length) {
    rtnl_link_set_txqlen(link.get(), *device.tx_queue_length);
  }
  if (device.vrf_table) {
    require(rtnl_link_vrf_set_tableid(link.get(), *device.vrf_table), "set the table of a VRF");
  }
  if (device.up) {
    set_flag(link.get(), IFF_UP, true);
  }
  nl::append(batch, new_link(link, what), what);
}

void probe_driver(Batch& batch, std::string_view kind) {
  const std::string what = concat("ask for the driver ", kind);
  const LinkObject link = nl::own<LinkObject>(rtnl_link_alloc());
  set_kind(link.get(), std::string(kind));
  nl::append(batch, new_link(link, what), what);
}

void change_link(Batch& batch, const LinkChange& change) {
  const std::string what =
      concat(change.up == true ? "set up " : "change ", label(change.index, change.name));
  const LinkObject link = nl::own<LinkObject>(rtnl_link_alloc());
  if (change.index != 0) {
    rtnl_link_set_ifindex(link.get(), change.index);
  }
  if (change.index == 0 || change.new_name) {
    set_name(link.get(), change.index == 0 ? change.name : *change.new_name);
  }
  set_flag(link.get(), IFF_UP, change.up);
  set_flag(link.get(), IFF_PROMISC, change.promiscuous);
  set_flag(link.get(), IFF_ALLMULTI, change.all_multicast);
  if (change.netns) {
    rtnl_link_set_ns_fd(link.get(), *change.netns);
  }
  if (change.mtu) {
    rtnl_link_set_mtu(link.get(), *change.mtu);
  }
  if (change.tx_queue_length) {
    rtnl_link_set_txqlen(link.get(), *change.tx_queue_length);
  }
  if (change.mac) {
    set_mac(link.get(), *change.mac);
  }
  if (change.master) {
    rtnl_link_set_master(link.get(), *change.master);
  }
  if (change.alias) {
    rtnl_link_set_ifalias(link.get(), change.alias->c_str());
  }
  if (change.vlan_filtering) {
    set_kind(link.get(), "bridge");
  }
  set_protocol_settings(link.get(), change);
  // RTM_NEWLINK without NLM_F_CREATE also takes IFLA_LINKINFO, which RTM_SETLINK ignores.
  const nl::Message message =
      change_message(link, change.vlan_filtering ? RTM_NEWLINK : RTM_SETLINK, what);
  if (change.vlan_filtering) {
    nl::add_vlan_filtering(message, *change.vlan_filtering);
  }
  nl::append(batch, message, what);
}

void change_port(Batch& batch, const PortChange& change) {
  const std::string what = concat("set hairpin and isolation of port ", change.index);
  const LinkObject link = port_object(change.index);
  if (change.hairpin) {
    require(*change.hairpin ? rtnl_link_bridge_set_flags(link.get(), RTNL_BRIDGE_HAIRPIN_MODE)
                            : rtnl_link_bridge_unset_flags(link.get(), RTNL_BRIDGE_HAIRPIN_MODE),
            what);
  }
  const nl::Message message = change_message(link, RTM_SETLINK, what);
  if (change.isolated) {
    nl::add_port_isolation(message, *change.isolated);
  }
  nl::append(batch, message, what);
}

void add_vlans(Batch& batch, int port_index, const std::vector<Vlan>& vlans) {
  change_vlans(batch, RTM_SETLINK, port_index, vlans);
}

void remove_vlans(Batch& batch, int port_index, const std::vector<Vlan>& vlans) {
  change_vlans(batch, RTM_DELLINK, port_index, vlans);
}

void remove_link(Batch& batch, int index, std::string_view name) {
  const LinkObject link = nl::own<LinkObject>(rtnl_link_alloc());
  rtnl_link_set_ifindex(link.get(), index);
  const std::string what = concat("remove ", name);
  nl::append(batch, removal(link, what), what);
}

void remove_link(Batch& batch, std::string_view name) {
  const LinkObject link = nl::own<LinkObject>(rtnl_link_alloc());
  set_name(link.get(), std::string(name));
  const std::string what = concat("remove ", name);
  nl::append(batch, removal(link, what), what);
}

}  // namespace linnet::netlink
