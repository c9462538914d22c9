#include "netlink/link.h"

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include <array>

#include "base/text.h"
#include "netlink/message.h"
#include "netlink/socket.h"

namespace linnet::netlink {

namespace {

ifinfomsg link_header(int index = 0, unsigned char family = AF_UNSPEC) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = index;
  return header;
}

std::string label(int index, const std::string& name) {
  return name.empty() ? concat("link ", index) : name;
}

void set_flag(ifinfomsg& header, unsigned flag, std::optional<bool> value) {
  if (value) {
    header.ifi_change |= flag;
    header.ifi_flags |= *value ? flag : 0U;
  }
}

// One queue a direction: the kernel otherwise makes one for every possible CPU, which costs memory and
// time at creation and gains nothing on a device whose receive path runs on the sender's CPU.
void put_single_queue(Message& message) {
  message.u32(IFLA_NUM_TX_QUEUES, 1).u32(IFLA_NUM_RX_QUEUES, 1);
}

void put_mtu(Message& message, std::uint32_t mtu) {
  if (mtu != 0) {
    message.u32(IFLA_MTU, mtu);
  }
}

void put_protocol_settings(Message& message, const LinkChange& change) {
  if (change.arp_notify || change.arp_filter) {
    message.nest(AF_INET, [&] {
      message.nest(IFLA_INET_CONF, [&] {
        if (change.arp_filter) {
          message.u32(IPV4_DEVCONF_ARPFILTER, *change.arp_filter ? 1 : 0);
        }
        if (change.arp_notify) {
          message.u32(IPV4_DEVCONF_ARP_NOTIFY, *change.arp_notify ? 1 : 0);
        }
      });
    });
  }
  if (change.no_ipv6_address) {
    message.nest(AF_INET6, [&] { message.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  }
}

void put_driver(Message& message, const Macvlan& macvlan) {
  message.text(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, [&] {
    message.u32(IFLA_MACVLAN_MODE, static_cast<std::uint32_t>(macvlan.mode));
    if (macvlan.broadcast_queue_length != 0) {
      message.u32(IFLA_MACVLAN_BC_QUEUE_LEN, macvlan.broadcast_queue_length);
    }
    if (!macvlan.sources.empty()) {
      message.u32(IFLA_MACVLAN_MACADDR_MODE, MACVLAN_MACADDR_SET);
      message.nest(IFLA_MACVLAN_MACADDR_DATA, [&] {
        for (const MacAddress& source : macvlan.sources) {
          message.mac(IFLA_MACVLAN_MACADDR, source);
        }
      });
    }
  });
}

void put_u16(Message& message, int attribute, std::uint16_t value) {
  message.bytes(attribute, {reinterpret_cast<const unsigned char*>(&value), sizeof value});
}

void put_driver(Message& message, const Ipvlan& ipvlan) {
  message.text(IFLA_INFO_KIND, "ipvlan").nest(IFLA_INFO_DATA, [&] {
    put_u16(message, IFLA_IPVLAN_MODE, static_cast<std::uint16_t>(ipvlan.mode));
    put_u16(message, IFLA_IPVLAN_FLAGS, static_cast<std::uint16_t>(ipvlan.flag));
  });
}

void put_driver(Message& message, const TaggedVlan& vlan) {
  message.text(IFLA_INFO_KIND, "vlan").nest(IFLA_INFO_DATA, [&] {
    put_u16(message, IFLA_VLAN_ID, vlan.id);
  });
}

void vlan_message(Batch& batch, int type, int port_index, const std::vector<Vlan>& vlans) {
  Message message(type, 0);
  message.header(link_header(port_index, AF_BRIDGE));
  message.nest(IFLA_AF_SPEC, [&] {
    for (const Vlan& vlan : vlans) {
      bridge_vlan_info info{};
      info.vid = vlan.first;
      info.flags = static_cast<std::uint16_t>((vlan.pvid ? BRIDGE_VLAN_INFO_PVID : 0) |
                                              (vlan.untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0));
      const auto put = [&] {
        message.bytes(IFLA_BRIDGE_VLAN_INFO,
                      {reinterpret_cast<const unsigned char*>(&info), sizeof info});
      };
      if (vlan.last > vlan.first) {
        info.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
        put();
        info.flags = static_cast<std::uint16_t>((info.flags & ~BRIDGE_VLAN_INFO_RANGE_BEGIN) |
                                                BRIDGE_VLAN_INFO_RANGE_END);
        info.vid = vlan.last;
      }
      put();
    }
  });
  batch.append(message,
               concat(type == RTM_SETLINK ? "add" : "remove", " VLANs of port ", port_index));
}

}  // namespace

void create_bridge(Batch& batch, const NewBridge& bridge) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ifinfomsg header = link_header();
  set_flag(header, IFF_UP, true);
  message.header(header).text(IFLA_IFNAME, bridge.name).mac(IFLA_ADDRESS, bridge.mac);
  message.nest(IFLA_LINKINFO, [&] {
    message.text(IFLA_INFO_KIND, "bridge");
    if (bridge.vlan_filtering) {
      message.nest(IFLA_INFO_DATA, [&] { message.u8(IFLA_BR_VLAN_FILTERING, 1); });
    }
  });
  batch.append(message, concat("create bridge ", bridge.name,
                               bridge.vlan_filtering ? " with VLAN filtering" : ""));
}

void create_veth(Batch& batch, const NewVeth& veth) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header()).text(IFLA_IFNAME, veth.name).mac(IFLA_ADDRESS, veth.mac);
  put_mtu(message, veth.mtu);
  put_single_queue(message);
  if (veth.master != 0) {
    message.u32(IFLA_MASTER, static_cast<std::uint32_t>(veth.master));
  }
  message.nest(IFLA_LINKINFO, [&] {
    message.text(IFLA_INFO_KIND, "veth");
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        message.header(link_header());
        message.text(IFLA_IFNAME, veth.peer_name).mac(IFLA_ADDRESS, veth.peer_mac);
        put_mtu(message, veth.mtu);
        put_single_queue(message);
        if (veth.peer_netns >= 0) {
          message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(veth.peer_netns));
        }
      });
    });
  });
  batch.append(message, concat("create veth ", veth.name, " with peer ", veth.peer_name,
                               veth.mtu != 0 ? concat(" and MTU ", veth.mtu) : ""));
}

void create_child(Batch& batch, const NewChild& child) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header())
      .text(IFLA_IFNAME, child.name)
      .u32(IFLA_LINK, static_cast<std::uint32_t>(child.parent));
  if (child.mac) {
    message.mac(IFLA_ADDRESS, *child.mac);
  }
  put_mtu(message, child.mtu);
  if (child.netns >= 0) {
    message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(child.netns));
  }
  message.nest(IFLA_LINKINFO, [&] {
    std::visit([&](const auto& driver) { put_driver(message, driver); }, child.driver);
  });
  constexpr std::array<std::string_view, 3> kKinds = {"macvlan", "ipvlan", "vlan"};
  batch.append(message, concat("create ", kKinds.at(child.driver.index()), ' ', child.name));
}

void create_device(Batch& batch, const NewDevice& device) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ifinfomsg header = link_header();
  if (device.up) {
    set_flag(header, IFF_UP, true);
  }
  message.header(header).text(IFLA_IFNAME, device.name);
  if (device.mac) {
    message.mac(IFLA_ADDRESS, *device.mac);
  }
  put_mtu(message, device.mtu);
  if (device.tx_queue_length) {
    message.u32(IFLA_TXQLEN, *device.tx_queue_length);
  }
  message.nest(IFLA_LINKINFO, [&] {
    message.text(IFLA_INFO_KIND, device.kind);
    if (device.vrf_table) {
      message.nest(IFLA_INFO_DATA, [&] { message.u32(IFLA_VRF_TABLE, *device.vrf_table); });
    }
  });
  batch.append(message, concat("create ", device.kind, ' ', device.name));
}

void probe_driver(Batch& batch, std::string_view kind) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header()).nest(IFLA_LINKINFO, [&] { message.text(IFLA_INFO_KIND, kind); });
  batch.append(message, concat("ask for the driver ", kind));
}

void change_link(Batch& batch, const LinkChange& change) {
  // RTM_NEWLINK without NLM_F_CREATE also takes IFLA_LINKINFO, which RTM_SETLINK ignores.
  Message message(change.vlan_filtering ? RTM_NEWLINK : RTM_SETLINK, 0);
  ifinfomsg header = link_header(change.index);
  set_flag(header, IFF_UP, change.up);
  set_flag(header, IFF_PROMISC, change.promiscuous);
  set_flag(header, IFF_ALLMULTI, change.all_multicast);
  message.header(header);
  if (change.index == 0) {
    message.text(IFLA_IFNAME, change.name);
  } else if (change.new_name) {
    message.text(IFLA_IFNAME, *change.new_name);
  }
  if (change.netns) {
    message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(*change.netns));
  }
  if (change.mtu) {
    message.u32(IFLA_MTU, *change.mtu);
  }
  if (change.tx_queue_length) {
    message.u32(IFLA_TXQLEN, *change.tx_queue_length);
  }
  if (change.mac) {
    message.mac(IFLA_ADDRESS, *change.mac);
  }
  if (change.master) {
    message.u32(IFLA_MASTER, static_cast<std::uint32_t>(*change.master));
  }
  if (change.alias) {
    message.text(IFLA_IFALIAS, *change.alias);
  }
  if (change.vlan_filtering) {
    message.nest(IFLA_LINKINFO, [&] {
      message.text(IFLA_INFO_KIND, "bridge");
      message.nest(IFLA_INFO_DATA,
                   [&] { message.u8(IFLA_BR_VLAN_FILTERING, *change.vlan_filtering ? 1 : 0); });
    });
  }
  if (change.no_ipv6_address || change.arp_notify || change.arp_filter) {
    message.nest(IFLA_AF_SPEC, [&] { put_protocol_settings(message, change); });
  }
  batch.append(message,
               concat(change.up == true ? "set up " : "change ", label(change.index, change.name)));
}

void change_port(Batch& batch, const PortChange& change) {
  Message message(RTM_SETLINK, 0);
  message.header(link_header(change.index, AF_BRIDGE));
  message.nest(IFLA_PROTINFO, [&] {
    if (change.hairpin) {
      message.u8(IFLA_BRPORT_MODE, *change.hairpin ? 1 : 0);
    }
    if (change.isolated) {
      message.u8(IFLA_BRPORT_ISOLATED, *change.isolated ? 1 : 0);
    }
  });
  batch.append(message, concat("set hairpin and isolation of port ", change.index));
}

void add_vlans(Batch& batch, int port_index, const std::vector<Vlan>& vlans) {
  vlan_message(batch, RTM_SETLINK, port_index, vlans);
}

void remove_vlans(Batch& batch, int port_index, const std::vector<Vlan>& vlans) {
  vlan_message(batch, RTM_DELLINK, port_index, vlans);
}

void remove_link(Batch& batch, int index, std::string_view name) {
  Message message(RTM_DELLINK, 0);
  message.header(link_header(index));
  batch.append(message, concat("remove ", name));
}

void remove_link(Batch& batch, std::string_view name) {
  Message message(RTM_DELLINK, 0);
  message.header(link_header()).text(IFLA_IFNAME, name);
  batch.append(message, concat("remove ", name));
}

}  // namespace linnet::netlink
