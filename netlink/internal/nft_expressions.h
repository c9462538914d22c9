// Expressions as objects of libnftnl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "netlink/expression.h"
#include "netlink/internal/nft_objects.h"

namespace linnet::netlink::nft {

// Bytes that a register can hold together with those after it (NFT_DATA_VALUE_MAXLEN).
inline constexpr std::size_t kLongestValue = 64;

// The length of a constant or key. libnftnl copies it into a field of kLongestValue bytes without a look at its
// length. Throws SystemError(EMSGSIZE) for one that is longer.
[[nodiscard]] std::uint32_t length_of_value(const std::vector<unsigned char>& value);

[[nodiscard]] ExpressionObject object_of(const Expression& expression);
// An upper bound of the bytes that the expression takes in a message.
[[nodiscard]] std::size_t room_for_expression(const Expression& expression);

}  // namespace linnet::netlink::nft
