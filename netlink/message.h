// One netlink message under construction, and attributes of a received one. Private to this folder:
// the only header that knows libnl.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace linnet::netlink {

class Message {
 public:
  // `flags` besides NLM_F_REQUEST.
  Message(int type, int flags);

  // Appends the fixed header of the message's type.
  template <typename Header>
  Message& header(const Header& header) {
    append(&header, sizeof header);
    return *this;
  }

  Message& bytes(int attribute, std::span<const unsigned char> value);
  Message& u8(int attribute, std::uint8_t value);
  Message& u16(int attribute, std::uint16_t value);
  Message& u32(int attribute, std::uint32_t value);
  // In network byte order, as nfnetlink wants numbers.
  Message& be32(int attribute, std::uint32_t value);
  Message& be64(int attribute, std::uint64_t value);
  Message& text(int attribute, std::string_view value);
  Message& flag(int attribute);
  Message& address(int attribute, const IpAddress& value) { return bytes(attribute, value.bytes()); }
  Message& mac(int attribute, const MacAddress& value) { return bytes(attribute, value.bytes()); }

  // The attributes that `fill` appends become the content of `attribute`.
  template <typename Fill>
  Message& nest(int attribute, Fill&& fill) {
    nlattr* start = nest_start(attribute);
    fill();
    nest_end(start);
    return *this;
  }

  [[nodiscard]] nlmsghdr* raw() { return nlmsg_hdr(message_.get()); }
  [[nodiscard]] const nlmsghdr* raw() const { return nlmsg_hdr(message_.get()); }

 private:
  struct Deleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  void append(const void* data, std::size_t size);
  nlattr* nest_start(int attribute);
  void nest_end(nlattr* start);

  std::unique_ptr<nl_msg, Deleter> message_;
};

// The attributes of a received message or of a nest, their minimum lengths checked by a policy, so
// that a reader below never reads behind the end.
template <int Max>
class Attributes {
 public:
  using Policy = std::array<nla_policy, Max + 1>;

  Attributes(const nlattr* head, int length, const Policy& policy) {
    // libnl leaves out attributes past Max, which newer kernels send.
    valid_ = nla_parse(table_.data(), Max, const_cast<nlattr*>(head), length,
                       const_cast<nla_policy*>(policy.data())) == 0;
  }
  Attributes(const nlmsghdr* message, std::size_t header_size, const Policy& policy)
      : Attributes(nlmsg_attrdata(message, static_cast<int>(header_size)),
                   nlmsg_attrlen(message, static_cast<int>(header_size)), policy) {}
  Attributes(const nlattr* nest, const Policy& policy)
      : Attributes(static_cast<const nlattr*>(nla_data(nest)), nla_len(nest), policy) {}

  // False for a message the kernel would never send: every attribute is then absent.
  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] const nlattr* find(int attribute) const {
    return valid_ ? table_[static_cast<std::size_t>(attribute)] : nullptr;
  }
  [[nodiscard]] bool has(int attribute) const { return find(attribute) != nullptr; }

  template <typename T>
  [[nodiscard]] std::optional<T> number(int attribute) const {
    const nlattr* found = find(attribute);
    if (found == nullptr || nla_len(found) < static_cast<int>(sizeof(T))) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, nla_data(found), sizeof value);
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
  // Empty when absent.
  [[nodiscard]] std::string text(int attribute) const {
    const std::span<const unsigned char> value = bytes(attribute);
    if (value.empty()) {
      return {};
    }
    const auto* characters = reinterpret_cast<const char*>(value.data());
    return {characters, ::strnlen(characters, value.size())};
  }
  [[nodiscard]] std::span<const unsigned char> bytes(int attribute) const {
    const nlattr* found = find(attribute);
    if (found == nullptr) {
      return {};
    }
    return {static_cast<const unsigned char*>(nla_data(found)),
            static_cast<std::size_t>(nla_len(found))};
  }

 private:
  std::array<nlattr*, Max + 1> table_{};
  bool valid_ = false;
};

}  // namespace linnet::netlink
