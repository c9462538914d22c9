// Connection tracking: finding and forgetting flows of one namespace.
// Source: linux/netfilter/nfnetlink_conntrack.h; conntrack(8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/ip_address.h"
#include "netlink/conversation.h"

namespace linnet::netlink {

// One direction of a flow. Ports are 0 for protocols without.
struct FlowTuple {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;  // IPPROTO_*
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  friend bool operator==(const FlowTuple&, const FlowTuple&) = default;
};

// The reply differs from the original turned round where a flow is translated.
struct Flow {
  FlowTuple original;
  FlowTuple reply;
  std::uint32_t id = 0;  // tells the flow from a later one with the same tuples
  std::uint16_t zone = 0;
  friend bool operator==(const Flow&, const Flow&) = default;
};

// What is given must be equal. Absent means any.
struct FlowFilter {
  Family family = Family::kIpv4;
  std::optional<std::uint8_t> protocol = {};
  std::optional<IpAddress> original_destination = {};
  std::optional<std::uint16_t> original_destination_port = {};
  std::optional<IpAddress> reply_source = {};  // after destination NAT: the container
};

class ConntrackSocket {
 public:
  // In the namespace the calling thread is in. Throws SystemError.
  ConntrackSocket();

  // Cost: a dump; kernels since 5.8 filter it themselves. Empty where the kernel has no connection
  // tracking. Throws Error.
  [[nodiscard]] std::vector<Flow> list_flows(const FlowFilter& filter);

  // Forgets the matching flows and returns how many they were; one that ends meanwhile is no error. One
  // dump and, if any matches, one more datagram. Throws Error.
  std::size_t remove_flows(const FlowFilter& filter);
  // Of the matching flows only those that `wanted` picks.
  std::size_t remove_flows(const FlowFilter& filter,
                           const std::function<bool(const Flow&)>& wanted);

 private:
  // `original` is the tuple as the kernel sent it, which is how it wants it back: tuples of ICMP have other
  // parts than ports.
  struct Entry {
    Flow flow;
    std::vector<unsigned char> original;
  };
  [[nodiscard]] std::vector<Entry> list_entries(const FlowFilter& filter);
  Socket socket_;
};

}  // namespace linnet::netlink
