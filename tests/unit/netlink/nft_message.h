// Messages of nf_tables for tests, byte by byte.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::test {

using Bytes = std::vector<unsigned char>;

// What is received or expected: numbers of netlink's own headers in the machine's order, everything else as written.
class NftMessage {
 public:
  NftMessage(std::uint16_t type, std::uint16_t flags, unsigned char family) {
    number<std::uint32_t>(0)
        .number(type)
        .number(flags)
        .number<std::uint32_t>(0)
        .number<std::uint32_t>(0);
    bytes({family, 0, 0, 0});
  }

  template <typename Number>
  NftMessage& number(Number value) {
    unsigned char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.insert(bytes_.end(), raw, raw + sizeof value);
    return *this;
  }
  NftMessage& bytes(const Bytes& value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  // An attribute with its padding. `length` is that of its header, 4 more than the value's.
  NftMessage& attribute(std::uint16_t length, std::uint16_t type, const Bytes& value) {
    number(length).number(type).bytes(value);
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    return *this;
  }
  NftMessage& attribute(std::uint16_t length, std::uint16_t type, std::string_view text) {
    return attribute(length, type, Bytes(text.begin(), text.end()));
  }
  // The header of an attribute whose value is written next.
  NftMessage& nest(std::uint16_t length, std::uint16_t type) {
    return number(length).number(static_cast<std::uint16_t>(type | NLA_F_NESTED));
  }

  [[nodiscard]] Bytes take(std::size_t length) {
    bytes_.resize(length);
    const auto total = static_cast<std::uint32_t>(length);
    std::memcpy(bytes_.data(), &total, sizeof total);
    return bytes_;
  }
  [[nodiscard]] Bytes take() { return take(bytes_.size()); }

 private:
  Bytes bytes_;
};

}  // namespace linnet::test
