#include "netlink/internal/libnl_gaps.h"

// Before the kernel's headers, which then leave out what it defines.
#include <netinet/in.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "netlink/internal/attributes.h"

namespace linnet::netlink::nl {

namespace {

constexpr unsigned char kPortForwarding = 3;  // BR_STATE_FORWARDING

nlattr* start_nest(const Message& message, int attribute) {
  nlattr* nest = nla_nest_start(message.get(), attribute);
  require(nest == nullptr ? -NLE_MSGSIZE : 0, "write a netlink attribute");
  return nest;
}

void put(const Message& message, int attribute, const void* data, std::size_t size) {
  require(nla_put(message.get(), attribute, static_cast<int>(size), data),
          "write a netlink attribute");
}

void end_nest(const Message& message, nlattr* nest) {
  require(nla_nest_end(message.get(), nest), "write a netlink attribute");
}

// Opens `attribute` of the link message again, or starts it. What is opened again has to be the last attribute, since
// what is added stands at the end of the message.
nlattr* reopen(const Message& message, int attribute) {
  nlmsghdr* header = nlmsg_hdr(message.get());
  nlattr* found = nlmsg_find_attr(header, sizeof(ifinfomsg), attribute & NLA_TYPE_MASK);
  if (found == nullptr) {
    return start_nest(message, attribute);
  }
  const auto* end = reinterpret_cast<const char*>(found) + NLA_ALIGN(found->nla_len);
  if (end != static_cast<const char*>(nlmsg_tail(header))) {
    throw SystemError(EINVAL, "add to a netlink attribute that others follow");
  }
  return found;
}

// What `fill` adds is part of the driver's own attributes (IFLA_INFO_DATA), which libnl writes last.
template <typename Fill>
void add_driver_data(const Message& message, Fill&& fill) {
  nlattr* info = reopen(message, IFLA_LINKINFO);
  nlattr* data =
      nla_find(static_cast<const nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_DATA);
  if (data == nullptr) {
    data = start_nest(message, IFLA_INFO_DATA);
  }
  fill();
  end_nest(message, data);
  end_nest(message, info);
}

template <typename T>
void put(const Message& message, int attribute, const T& value) {
  put(message, attribute, &value, sizeof value);
}

void put_vlan(const Message& message, const Vlan& vlan) {
  bridge_vlan_info info{};
  info.vid = vlan.first;
  info.flags = static_cast<std::uint16_t>((vlan.pvid ? BRIDGE_VLAN_INFO_PVID : 0) |
                                          (vlan.untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0));
  if (vlan.last > vlan.first) {
    info.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
    put(message, IFLA_BRIDGE_VLAN_INFO, info);
    info.flags = static_cast<std::uint16_t>((info.flags & ~BRIDGE_VLAN_INFO_RANGE_BEGIN) |
                                            BRIDGE_VLAN_INFO_RANGE_END);
    info.vid = vlan.last;
  }
  put(message, IFLA_BRIDGE_VLAN_INFO, info);
}

Tun read_tun(std::span<const unsigned char> nest) {
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

bool has_endless_next_hop(const nlmsghdr* message) {
  const Attributes<RTA_MAX> attributes(message, sizeof(rtmsg));
  std::span<const unsigned char> hops = attributes.bytes(RTA_MULTIPATH);
  while (hops.size() >= sizeof(rtnexthop)) {
    rtnexthop hop;
    std::memcpy(&hop, hops.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) {
      return true;
    }
    hops = hops.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), hops.size()));
  }
  return false;
}

bool has_endless_sources(const nlmsghdr* message) {
  const Attributes<IFLA_MAX> attributes(message, sizeof(ifinfomsg));
  const Attributes<IFLA_INFO_MAX> info(attributes.bytes(IFLA_LINKINFO));
  if (info.text(IFLA_INFO_KIND) != "macvlan") {
    return false;
  }
  const Attributes<IFLA_MACVLAN_MAX> data(info.bytes(IFLA_INFO_DATA));
  return data.number<std::uint32_t>(IFLA_MACVLAN_MACADDR_COUNT).value_or(0) >
         data.bytes(IFLA_MACVLAN_MACADDR_DATA).size();
}

}  // namespace

void add_vlan_filtering(const Message& message, bool on) {
  add_driver_data(message, [&] { put(message, IFLA_BR_VLAN_FILTERING, std::uint8_t{on}); });
}

void add_port_isolation(const Message& message, bool on) {
  nlattr* port = reopen(message, IFLA_PROTINFO | NLA_F_NESTED);
  put(message, IFLA_BRPORT_ISOLATED, std::uint8_t{on});
  end_nest(message, port);
}

void add_port_vlans(const Message& message, const std::vector<Vlan>& vlans) {
  if (vlans.empty()) {
    return;
  }
  // Up to 4,094 of them do not fit into a message of the usual size.
  require(nlmsg_expand(message.get(), nlmsg_get_max_size(message.get()) +
                                          2 * vlans.size() * nla_total_size(sizeof(bridge_vlan_info))),
          "make room for VLANs");
  nlattr* nest = start_nest(message, IFLA_AF_SPEC);
  for (const Vlan& vlan : vlans) {
    put_vlan(message, vlan);
  }
  require(nla_nest_end_keep_empty(message.get(), nest), "write a netlink attribute");
}

void add_broadcast_queue_length(const Message& message, std::uint32_t packets) {
  add_driver_data(message, [&] { put(message, IFLA_MACVLAN_BC_QUEUE_LEN, packets); });
}

void add_ipvlan_flag(const Message& message, Ipvlan::Flag flag) {
  add_driver_data(message,
                  [&] { put(message, IFLA_IPVLAN_FLAGS, static_cast<std::uint16_t>(flag)); });
}

void add_token_bucket(const Message& message, const TokenBucket& bucket,
                      std::uint32_t burst_ticks) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::uint32_t>::max();
  tc_tbf_qopt values{};
  // A rate that needs more than 32 bits stands in an attribute of its own.
  values.rate.rate = static_cast<std::uint32_t>(std::min(bucket.rate, kLargest));
  values.rate.linklayer = TC_LINKLAYER_ETHERNET;
  values.limit = bucket.limit;
  values.buffer = burst_ticks;
  nlattr* options = start_nest(message, TCA_OPTIONS);
  put(message, TCA_TBF_PARMS, values);
  put(message, TCA_TBF_BURST, bucket.burst);
  if (bucket.rate > kLargest) {
    put(message, TCA_TBF_RATE64, bucket.rate);
  }
  end_nest(message, options);
}

void read_link_gaps(const nlmsghdr* message, Link& link) {
  const Attributes<IFLA_MAX> attributes(message, sizeof(ifinfomsg));
  const Attributes<IFLA_INFO_MAX> info(attributes.bytes(IFLA_LINKINFO));
  const std::span<const unsigned char> data = info.bytes(IFLA_INFO_DATA);
  if (link.kind == "bridge" && info.has(IFLA_INFO_DATA)) {
    const Attributes<IFLA_BR_MAX> bridge(data);
    link.bridge = Link::Bridge{
        .vlan_filtering = bridge.number<std::uint8_t>(IFLA_BR_VLAN_FILTERING).value_or(0) != 0};
  }
  if (link.macvlan) {
    const Attributes<IFLA_MACVLAN_MAX> macvlan(data);
    link.macvlan->broadcast_queue_length =
        macvlan.number<std::uint32_t>(IFLA_MACVLAN_BC_QUEUE_LEN).value_or(0);
  }
  if (link.ipvlan) {
    const Attributes<IFLA_IPVLAN_MAX> ipvlan(data);
    link.ipvlan->flag =
        Ipvlan::Flag{ipvlan.number<std::uint16_t>(IFLA_IPVLAN_FLAGS).value_or(0)};
  }
  if (link.kind == "tun") {
    link.tun = read_tun(data);
  }
  if (info.text(IFLA_INFO_SLAVE_KIND) == "bridge" && info.has(IFLA_INFO_SLAVE_DATA)) {
    const Attributes<IFLA_BRPORT_MAX> port(info.bytes(IFLA_INFO_SLAVE_DATA));
    link.port =
        Link::Port{.forwarding = port.number<std::uint8_t>(IFLA_BRPORT_STATE) == kPortForwarding,
                   .hairpin = port.number<std::uint8_t>(IFLA_BRPORT_MODE).value_or(0) != 0,
                   .isolated = port.number<std::uint8_t>(IFLA_BRPORT_ISOLATED).value_or(0) != 0};
  }
}

std::optional<TokenBucketState> read_token_bucket(const nlmsghdr* message) {
  const Attributes<TCA_MAX> attributes(message, sizeof(tcmsg));
  const Attributes<TCA_TBF_MAX> options(attributes.bytes(TCA_OPTIONS));
  const std::optional<tc_tbf_qopt> values = options.number<tc_tbf_qopt>(TCA_TBF_PARMS);
  if (!values) {
    return std::nullopt;
  }
  return TokenBucketState{
      .rate = options.number<std::uint64_t>(TCA_TBF_RATE64).value_or(values->rate.rate),
      .burst_ticks = values->buffer,
      .limit = values->limit};
}

bool has_tc_options(const nlmsghdr* message) {
  return Attributes<TCA_MAX>(message, sizeof(tcmsg)).has(TCA_OPTIONS);
}

bool can_parse(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWROUTE:
      return !has_endless_next_hop(message);
    case RTM_NEWLINK:
      return !has_endless_sources(message);
    default:
      return true;
  }
}

}  // namespace linnet::netlink::nl
