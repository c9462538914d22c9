// What libnl 3.7 lacks: attributes that it has no setter or no getter for, and messages that it must not be given.
// Attributes are added, by libnl's own functions, to a message that libnl built, and read from the message beside the
// object that libnl made of it. Each function says which version of libnl makes it needless; "none" is as of 3.12.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "netlink/internal/libnl.h"
#include "netlink/link.h"
#include "netlink/tc.h"

namespace linnet::netlink::nl {

// Whether the kernel's VLAN filter is on. libnl: rtnl_link_bridge_set_vlan_filtering(), 3.8.
void add_vlan_filtering(const Message& message, bool on);
// Frames from this port to other isolated ports are dropped. libnl: RTNL_BRIDGE_ISOLATED, after 3.9.
void add_port_isolation(const Message& message, bool on);
// libnl: rtnl_link_bridge_set_port_vlan_map_range(), 3.10.
void add_port_vlans(const Message& message, const std::vector<Vlan>& vlans);
// libnl: none.
void add_broadcast_queue_length(const Message& message, std::uint32_t packets);
// libnl: none.
void add_ipvlan_flag(const Message& message, Ipvlan::Flag flag);
// A rate of up to 64 bits and a burst in bytes; libnl takes the rate as an int and rounds the burst to microseconds.
// libnl: none.
void add_token_bucket(const Message& message, const TokenBucket& bucket, std::uint32_t burst_ticks);

// The attributes of one link message that libnl's object does not show, written into `link`, whose kind is known:
// VLAN filtering of a bridge, the state of a bridge port, a macvlan's queue, an ipvlan's flag, a tun device.
void read_link_gaps(const nlmsghdr* message, Link& link);
// Absent for a queueing discipline without the token bucket's parameters. libnl rounds the burst.
[[nodiscard]] std::optional<TokenBucketState> read_token_bucket(const nlmsghdr* message);
// Whether a message about traffic control has options, which libnl does not tell.
[[nodiscard]] bool has_tc_options(const nlmsghdr* message);

// False for what makes libnl's readers loop for ever or allocate without limit: a next hop of no length (they advance
// by it), and a macvlan whose count of senders is larger than the list. libnl: none.
[[nodiscard]] bool can_parse(const nlmsghdr* message);

}  // namespace linnet::netlink::nl
