// Network interfaces as values.
// Source: rtnetlink(7), linux/if_link.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mac_address.h"

namespace linnet::netlink {

class Batch;

// What the kernel's macvlan driver takes. Source: Linux, include/uapi/linux/if_link.h (IFLA_MACVLAN_*).
struct Macvlan {
  enum class Mode : std::uint32_t {
    kPrivate = 1,
    kVepa = 2,
    kBridge = 4,
    kPassthru = 8,
    kSource = 16
  };
  Mode mode = Mode::kBridge;
  std::uint32_t broadcast_queue_length = 0;  // packets, of the parent; 0: the kernel's default
  std::vector<MacAddress> sources = {};      // senders whose frames are received; kSource only
};

// What the kernel's ipvlan driver takes. Mode and flag are the parent's: the newest child sets them for all
// its siblings. Source: Linux, Documentation/networking/ipvlan.rst, drivers/net/ipvlan/ipvlan_main.c.
struct Ipvlan {
  enum class Mode : std::uint16_t { kL2 = 0, kL3 = 1, kL3s = 2 };
  enum class Flag : std::uint16_t { kBridge = 0, kPrivate = 1, kVepa = 2 };
  Mode mode = Mode::kL2;
  Flag flag = Flag::kBridge;
};

// A VLAN of the link below. Source: Linux, net/8021q.
struct TaggedVlan {
  std::uint16_t id = 0;  // 0..4094; 0 tags priority only
};

// A tun or tap device. Source: Documentation/networking/tuntap.rst.
struct Tun {
  bool is_tap = false;
  bool persistent = false;
  bool multi_queue = false;
  std::optional<std::uint32_t> owner = {};  // the user that may open it
  std::optional<std::uint32_t> group = {};
};

// The state of a link as the kernel reports it.
struct Link {
  struct Bridge {
    bool vlan_filtering = false;
  };
  // A link that is a port of a bridge.
  struct Port {
    bool forwarding = false;  // state of the spanning tree
    bool hairpin = false;
    bool isolated = false;
  };

  int index = 0;
  std::string name;
  std::string kind;  // "veth", "bridge", …; empty for a hardware device
  MacAddress mac;
  std::uint32_t mtu = 0;
  bool up = false;             // administratively
  bool operational = false;    // has a carrier, and may send: IFF_LOWER_UP and IFF_RUNNING
  bool promiscuous = false;    // the administrator's flag, not the count of users
  bool all_multicast = false;  // the administrator's flag
  std::uint32_t tx_queue_length = 0;
  int master = 0;  // index, 0: none
  int peer = 0;    // index of a veth's peer, or of a child's parent, in its namespace; 0: none
  std::string alias;
  std::optional<Bridge> bridge;
  std::optional<Port> port;
  std::optional<Macvlan> macvlan;  // without the sources
  std::optional<Ipvlan> ipvlan;
  std::optional<TaggedVlan> vlan;
  std::optional<Tun> tun;
  std::optional<std::uint32_t> vrf_table;  // of a VRF
};

// A new bridge, up.
struct NewBridge {
  std::string name;
  MacAddress mac;  // set at creation, so that neither udev nor a new port changes it
  bool vlan_filtering = false;
};

// A veth pair: `name` here and `peer_name` in the namespace `peer_netns`, made by one message. If one of
// the names is taken in its namespace the kernel makes neither end (EEXIST).
struct NewVeth {
  std::string name;
  MacAddress mac;
  std::string peer_name;
  MacAddress peer_mac;
  int peer_netns = -1;    // descriptor of a network namespace
  std::uint32_t mtu = 0;  // both ends; 0: the kernel's default
  int master = 0;         // index of the bridge for this end
  // Of this end; empty: none. Only RouteSocket::try_create_veth() gives it.
  std::string alias = {};
};

// A link on top of another one, its parent, which is in this namespace; down.
struct NewChild {
  std::string name;
  int parent = 0;                                    // index
  std::variant<Macvlan, Ipvlan, TaggedVlan> driver;  // decides the kind
  std::optional<MacAddress> mac = {};                // absent: the kernel's choice
  std::uint32_t mtu = 0;                             // 0: the parent's
  int netns = -1;  // descriptor of its network namespace; -1: this one
};

// A link that stands on no other: "dummy", "vrf", "ifb" (whose queueing discipline packets of other links pass).
struct NewDevice {
  std::string name;
  std::string kind;
  std::optional<MacAddress> mac = {};                 // absent: the kernel's choice
  std::uint32_t mtu = 0;                              // bytes; 0: the kernel's default
  std::optional<std::uint32_t> tx_queue_length = {};  // packets
  std::optional<std::uint32_t> vrf_table = {};        // of a VRF, which must have one
  bool up = false;
};

// What to change of a link, found by index, or by name when index is 0. Absent: left as it is.
struct LinkChange {
  int index = 0;
  std::string name = {};
  std::optional<bool> up = {};
  std::optional<bool> promiscuous = {};
  std::optional<bool> all_multicast = {};
  std::optional<std::uint32_t> mtu = {};
  std::optional<std::uint32_t> tx_queue_length = {};
  std::optional<MacAddress> mac = {};
  std::optional<int> master = {};
  std::optional<std::string> alias = {};
  std::optional<bool> vlan_filtering = {};  // of a bridge
  std::optional<bool> arp_notify = {};      // gratuitous ARP when the link comes up
  std::optional<bool> arp_filter = {};      // answer ARP only to who is reached over this link
  std::optional<std::string> new_name = {};
  // Descriptor of a network namespace to move to. What else changes, changes there; a link in use is down
  // then, unless `up` is true, and has lost its addresses.
  std::optional<int> netns = {};
  bool no_ipv6_address = false;  // addr_gen_mode none: no link-local address, no DAD, no MLD
};

struct PortChange {
  int index = 0;
  std::optional<bool> hairpin = {};
  std::optional<bool> isolated = {};
};

// VLANs of a bridge port.
struct Vlan {
  std::uint16_t first = 0;  // 1..4094
  std::uint16_t last = 0;   // >= first
  bool pvid = false;        // of a single VLAN only
  bool untagged = false;
  friend bool operator==(const Vlan&, const Vlan&) = default;
};

// Requests, appended to a batch.
void create_bridge(Batch& batch, const NewBridge& bridge);
void create_veth(Batch& batch, const NewVeth& veth);
void create_child(Batch& batch, const NewChild& child);
void create_device(Batch& batch, const NewDevice& device);
// What tells whether the kernel has the driver, asking for a child without a parent: EOPNOTSUPP when it has
// not, EINVAL when it has. Makes nothing.
void probe_driver(Batch& batch, std::string_view kind);
void change_link(Batch& batch, const LinkChange& change);
void change_port(Batch& batch, const PortChange& change);
void add_vlans(Batch& batch, int port_index, const std::vector<Vlan>& vlans);
void remove_vlans(Batch& batch, int port_index, const std::vector<Vlan>& vlans);
void remove_link(Batch& batch, int index, std::string_view name);
void remove_link(Batch& batch, std::string_view name);

}  // namespace linnet::netlink
