// The keys "conditionsV4" and "conditionsV6": what a packet must also be like to be redirected. The tokens
// are those of iptables ("!", "-s", "192.0.2.0/24") or of nft ("ip", "saddr", "!=", "192.0.2.0/24"). No
// kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "netlink/nftables.h"

namespace linnet::portmap {

struct Condition {
  enum class Subject { kSource, kDestination, kInputInterface, kMark };
  Subject subject = Subject::kSource;
  bool equal = true;
  Cidr network = {};           // of kSource and kDestination, host bits zero
  std::string interface = {};  // of kInputInterface; "eth+" of iptables stands here as "eth*"
  std::uint32_t mark = 0;      // of kMark
  std::uint32_t mask = 0xffffffff;

  // The condition in words that are the same for every spelling of it.
  [[nodiscard]] std::string text() const;
};

// All of them must hold. Sorted, each once.
using Conditions = std::vector<Condition>;

// `key` is the key's name in messages. Throws cni::Error(kInvalidNetworkConfig) that names the token that is
// not understood.
[[nodiscard]] Conditions parse_conditions(std::string_view key, Family family,
                                          const std::vector<std::string>& tokens);

// Twelve digits that tell different conditions apart; empty for none.
[[nodiscard]] std::string digest(const Conditions& conditions);

// The part of a rule that goes on only where the conditions hold.
[[nodiscard]] netlink::nft::Expressions matches_of(const Conditions& conditions);

}  // namespace linnet::portmap
