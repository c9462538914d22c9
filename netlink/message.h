// One netlink message under construction, and attributes of a received one. Private to this folder.
// Source: netlink(7), Documentation/userspace-api/netlink/intro.rst.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace linnet::netlink {

// What follows the header of a received message. The socket hands out only messages whose length is
// within what was received.
[[nodiscard]] inline std::span<const unsigned char> payload(const nlmsghdr* message) {
  return {reinterpret_cast<const unsigned char*>(message) + NLMSG_HDRLEN,
          message->nlmsg_len - static_cast<std::size_t>(NLMSG_HDRLEN)};
}

// The fixed header of a message of that type; null for another type or a message too short to have one.
template <typename Header>
[[nodiscard]] const Header* header_of(const nlmsghdr* message, int type) {
  if (message->nlmsg_type != type || payload(message).size() < sizeof(Header)) {
    return nullptr;
  }
  return reinterpret_cast<const Header*>(payload(message).data());
}

class Message {
 public:
  // `flags` besides NLM_F_REQUEST.
  Message(int type, int flags);

  // For a message of many attributes: room for so many bytes.
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

  // Appends the fixed header of the message's type.
  template <typename Header>
  Message& header(const Header& header) {
    append(&header, sizeof header);
    return *this;
  }

  Message& bytes(int attribute, std::span<const unsigned char> value);
  Message& u8(int attribute, std::uint8_t value) { return bytes(attribute, {&value, 1}); }
  Message& u32(int attribute, std::uint32_t value);
  // In network byte order, as nfnetlink wants numbers.
  Message& be32(int attribute, std::uint32_t value);
  Message& be64(int attribute, std::uint64_t value);
  // With the terminating zero.
  Message& text(int attribute, std::string_view value);
  Message& address(int attribute, const IpAddress& value) {
    return bytes(attribute, value.bytes());
  }
  Message& mac(int attribute, const MacAddress& value) { return bytes(attribute, value.bytes()); }

  // What `fill` appends becomes the content of `attribute`.
  template <typename Fill>
  Message& nest(int attribute, Fill&& fill) {
    const std::size_t start = nest_start(attribute);
    fill();
    nest_end(start);
    return *this;
  }

  [[nodiscard]] std::span<const unsigned char> raw() const { return bytes_; }

 private:
  void append(const void* data, std::size_t size);
  std::size_t nest_start(int attribute);
  void nest_end(std::size_t start);
  void set_length();

  std::vector<unsigned char> bytes_;
};

// One attribute of a received message, its length checked.
struct Attribute {
  int type = 0;
  std::span<const unsigned char> value;
};

// Cuts the first attribute off `attributes`; absent at the end, and for a length that cannot be right.
[[nodiscard]] std::optional<Attribute> take_attribute(std::span<const unsigned char>& attributes);

// The attributes of a received message or of a nest by their numbers, the last one of a number counting.
// Those past Max, which newer kernels send, are left out. Every reader checks lengths.
template <int Max>
class Attributes {
 public:
  // The content of a nest.
  explicit Attributes(std::span<const unsigned char> attributes) {
    while (const std::optional<Attribute> attribute = take_attribute(attributes)) {
      if (attribute->type <= Max) {
        table_[static_cast<std::size_t>(attribute->type)] = attribute->value;
      }
    }
  }
  // What follows the fixed header of a message.
  Attributes(const nlmsghdr* message, std::size_t header_size)
      : Attributes(payload(message).subspan(
            std::min<std::size_t>(NLMSG_ALIGN(header_size), payload(message).size()))) {}

  // Empty when absent; has() tells the difference.
  [[nodiscard]] std::span<const unsigned char> bytes(int attribute) const {
    return table_[static_cast<std::size_t>(attribute)];
  }
  [[nodiscard]] bool has(int attribute) const { return bytes(attribute).data() != nullptr; }

  template <typename T>
  [[nodiscard]] std::optional<T> number(int attribute) const {
    if (bytes(attribute).size() < sizeof(T)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes(attribute).data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::optional<std::uint32_t> be32(int attribute) const {
    const std::optional<std::uint32_t> value = number<std::uint32_t>(attribute);
    return value ? std::optional(__builtin_bswap32(*value)) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint64_t> be64(int attribute) const {
    const std::optional<std::uint64_t> value = number<std::uint64_t>(attribute);
    return value ? std::optional(__builtin_bswap64(*value)) : std::nullopt;
  }
  // Up to the first zero; empty when absent.
  [[nodiscard]] std::string text(int attribute) const {
    const std::span<const unsigned char> value = bytes(attribute);
    if (value.empty()) {
      return {};
    }
    const auto* characters = reinterpret_cast<const char*>(value.data());
    return {characters, ::strnlen(characters, value.size())};
  }

 private:
  std::array<std::span<const unsigned char>, Max + 1> table_{};
};

}  // namespace linnet::netlink
