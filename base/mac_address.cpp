#include "base/mac_address.h"

#include <algorithm>

#include "base/text.h"

namespace linnet {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) {
    return std::nullopt;
  }
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const std::optional<unsigned> byte = parse_number<unsigned>(text.substr(i * 3, 2), 16);
    const bool separated = i == 5 || text[i * 3 + 2] == ':' || text[i * 3 + 2] == '-';
    if (!byte || !separated) {
      return std::nullopt;
    }
    mac.bytes_[i] = static_cast<unsigned char>(*byte);
  }
  return mac;
}

std::optional<MacAddress> MacAddress::from_bytes(std::span<const unsigned char> bytes) {
  if (bytes.size() != 6) {
    return std::nullopt;
  }
  MacAddress mac;
  std::ranges::copy(bytes, mac.bytes_.begin());
  return mac;
}

MacAddress MacAddress::local_from(std::span<const unsigned char, 6> seed) {
  MacAddress mac;
  std::ranges::copy(seed, mac.bytes_.begin());
  mac.bytes_[0] = static_cast<unsigned char>((mac.bytes_[0] | 2U) & ~1U);
  return mac;
}

std::string MacAddress::text() const {
  std::string out;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (i != 0) {
      out += ':';
    }
    out += to_hex({&bytes_[i], 1});
  }
  return out;
}

}  // namespace linnet
