// Attributes of a received message or of a nest, by their numbers, read through libmnl. Every reader checks lengths.
// Source: libmnl.h.
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace linnet::netlink {

// The last one of a number counts. Those past Max, which newer kernels send, are left out.
template <int Max>
class Attributes {
 public:
  // The content of a nest.
  explicit Attributes(std::span<const unsigned char> nest) {
    mnl_attr_parse_payload(nest.data(), nest.size(), keep, this);
  }
  // What follows the fixed header of a message, up to its length: mnl_attr_parse() reads up to the next multiple of four.
  Attributes(const nlmsghdr* message, std::size_t header_size) {
    const std::size_t length = mnl_nlmsg_get_payload_len(message);
    const std::size_t skipped = MNL_ALIGN(header_size);
    if (length > skipped) {
      mnl_attr_parse_payload(mnl_nlmsg_get_payload_offset(message, skipped), length - skipped, keep,
                             this);
    }
  }

  // Empty when absent; has() tells the difference.
  [[nodiscard]] std::span<const unsigned char> bytes(int attribute) const {
    const nlattr* found = table_[static_cast<std::size_t>(attribute)];
    if (found == nullptr) {
      return {};
    }
    return {static_cast<const unsigned char*>(mnl_attr_get_payload(found)),
            mnl_attr_get_payload_len(found)};
  }
  [[nodiscard]] bool has(int attribute) const {
    return table_[static_cast<std::size_t>(attribute)] != nullptr;
  }

  template <typename T>
  [[nodiscard]] std::optional<T> number(int attribute) const {
    if (bytes(attribute).size() < sizeof(T)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes(attribute).data(), sizeof value);
    return value;
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
  static int keep(const nlattr* attribute, void* table) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type <= Max) {
      static_cast<Attributes*>(table)->table_[type] = attribute;
    }
    return MNL_CB_OK;
  }

  std::array<const nlattr*, Max + 1> table_{};
};

}  // namespace linnet::netlink
