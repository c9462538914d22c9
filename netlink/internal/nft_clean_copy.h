// A copy of a received message that holds only attributes which are known and well-formed. libnftnl ends the process at
// an attribute of another length than it expects, takes texts without a terminating zero for terminated, and gives up
// a whole rule for one expression that it does not know, as newer kernels and other programs have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "netlink/internal/message_buffer.h"

struct nlmsghdr;

namespace linnet::netlink::nft {

struct KnownAttribute {
  // A kWholeNest is kept only where each of its attributes is there.
  enum class Kind { kBytes, kText, kU32, kU64, kNest, kWholeNest, kExpressions };
  int type = 0;
  Kind kind = Kind::kBytes;
  // The attributes that a nest may have, each any number of times.
  std::span<const KnownAttribute> inner = {};
};

// An expression that is kept, with the attributes of its data.
struct KnownExpression {
  std::string_view name;
  std::span<const KnownAttribute> data;
};

// The message must have a whole header (is_about()). The list of a kExpressions attribute keeps the expressions that are
// among `expressions`.
[[nodiscard]] MessageBuffer clean_copy(const nlmsghdr* message,
                                       std::span<const KnownAttribute> attributes,
                                       std::span<const KnownExpression> expressions = {});

}  // namespace linnet::netlink::nft
