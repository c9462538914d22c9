#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace linnet {

namespace {

constexpr std::array<unsigned char, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// `bytes` with every bit behind `prefix_length` set to `fill`.
void fill_host_bits(std::span<unsigned char> bytes, unsigned prefix_length, bool fill) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned first_bit = static_cast<unsigned>(i) * 8;
    unsigned mask = 0xff;
    if (prefix_length >= first_bit + 8) {
      mask = 0;
    } else if (prefix_length > first_bit) {
      mask = 0xffU >> (prefix_length - first_bit);
    }
    bytes[i] = static_cast<unsigned char>(fill ? bytes[i] | mask : bytes[i] & ~mask);
  }
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) {
    return std::nullopt;
  }
  char terminated[INET6_ADDRSTRLEN] = {};
  std::memcpy(terminated, text.data(), text.size());
  if (std::strlen(terminated) != text.size()) {
    return std::nullopt;
  }
  IpAddress address;
  if (::inet_pton(AF_INET, terminated, address.bytes_.data()) == 1) {
    return address;
  }
  if (::inet_pton(AF_INET6, terminated, address.bytes_.data()) != 1) {
    return std::nullopt;
  }
  return from_bytes(address.bytes_);
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const unsigned char> bytes) {
  IpAddress address;
  if (bytes.size() == 16 && std::ranges::equal(bytes.first(12), kMappedPrefix)) {
    bytes = bytes.subspan(12);
  }
  if (bytes.size() == 16) {
    address.family_ = Family::kIpv6;
  } else if (bytes.size() != 4) {
    return std::nullopt;
  }
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::unspecified(Family family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

std::string IpAddress::text() const {
  if (is_ipv4()) {
    // Not by inet_ntop(3): the C library formats each by its printf(3).
    return concat(bytes_[0], '.', bytes_[1], '.', bytes_[2], '.', bytes_[3]);
  }
  char out[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
  return out;
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes_, [](unsigned char byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_ipv4()) {
    return bytes_[0] == 127;
  }
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1,
                                        [](unsigned char byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const {
  return is_ipv4() ? (bytes_[0] & 0xf0U) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::is_link_local_unicast() const {
  return is_ipv4() ? bytes_[0] == 169 && bytes_[1] == 254
                   : bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80;
}

std::optional<IpAddress> IpAddress::next() const {
  IpAddress result = *this;
  for (std::size_t i = bytes().size(); i-- > 0;) {
    if (++result.bytes_[i] != 0) {
      return result;
    }
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::previous() const {
  IpAddress result = *this;
  for (std::size_t i = bytes().size(); i-- > 0;) {
    if (result.bytes_[i]-- != 0) {
      return result;
    }
  }
  return std::nullopt;
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  const std::optional<unsigned> length = parse_number<unsigned>(text.substr(slash + 1));
  if (!address || !length || *length > address->bits()) {
    return std::nullopt;
  }
  return Cidr(*address, *length);
}

std::string Cidr::text() const { return concat(address_.text(), '/', prefix_length_); }

IpAddress Cidr::first() const {
  IpAddress result = address_;
  fill_host_bits(std::span(result.bytes_).first(result.bytes().size()), prefix_length_, false);
  return result;
}

IpAddress Cidr::last() const {
  IpAddress result = address_;
  fill_host_bits(std::span(result.bytes_).first(result.bytes().size()), prefix_length_, true);
  return result;
}

bool Cidr::contains(const IpAddress& address) const {
  return address.family() == family() && Cidr(address, prefix_length_).first() == first();
}

bool Cidr::overlaps(const Cidr& other) const {
  return contains(other.first()) || other.contains(first());
}

}  // namespace linnet
