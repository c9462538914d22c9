// IPv4 and IPv6 addresses and networks as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace linnet {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

// An address in network byte order. Ordered by family, then numerically. An IPv4-mapped IPv6 address
// ("::ffff:a.b.c.d") is read as IPv4, as the reference does.
class IpAddress {
 public:
  // Absent for text that is not an address. IPv4 parts with leading zeros are refused.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  // 4 or 16 bytes in network order; absent for any other length.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(std::span<const unsigned char> bytes);
  [[nodiscard]] static IpAddress unspecified(Family family);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_ipv4() const { return family_ == Family::kIpv4; }
  [[nodiscard]] unsigned bits() const { return is_ipv4() ? 32 : 128; }
  // The address's 4 or 16 bytes.
  [[nodiscard]] std::span<const unsigned char> bytes() const {
    return std::span(bytes_).first(is_ipv4() ? 4 : 16);
  }
  // Dotted quad, or RFC 5952.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_link_local_unicast() const;

  // The neighbour in numerical order; absent past the last (first) address of the family.
  [[nodiscard]] std::optional<IpAddress> next() const;
  [[nodiscard]] std::optional<IpAddress> previous() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  friend class Cidr;
  Family family_ = Family::kIpv4;
  std::array<unsigned char, 16> bytes_{};
};

// An address with a prefix length: an interface address ("10.1.2.3/24") or a network ("10.1.2.0/24").
class Cidr {
 public:
  // Precondition: prefix_length <= address.bits().
  Cidr(IpAddress address, unsigned prefix_length)
      : address_(address), prefix_length_(prefix_length) {}
  // The default value is 0.0.0.0/0.
  Cidr() = default;

  // Absent for text that is not ADDRESS/LENGTH.
  [[nodiscard]] static std::optional<Cidr> parse(std::string_view text);
  // ADDRESS/32 or /128.
  [[nodiscard]] static Cidr host(IpAddress address) { return {address, address.bits()}; }

  [[nodiscard]] const IpAddress& address() const { return address_; }
  [[nodiscard]] unsigned prefix_length() const { return prefix_length_; }
  [[nodiscard]] Family family() const { return address_.family(); }
  [[nodiscard]] bool is_ipv4() const { return address_.is_ipv4(); }
  [[nodiscard]] std::string text() const;

  // First and last address of the network, and the network itself (host bits zero).
  [[nodiscard]] IpAddress first() const;
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] Cidr network() const { return {first(), prefix_length_}; }
  // 0.0.0.0/0 or ::/0.
  [[nodiscard]] bool is_default_route() const {
    return prefix_length_ == 0 && address_.is_unspecified();
  }
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool overlaps(const Cidr& other) const;

  friend bool operator==(const Cidr&, const Cidr&) = default;

 private:
  IpAddress address_;
  unsigned prefix_length_ = 0;
};

}  // namespace linnet
