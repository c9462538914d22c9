// Ethernet addresses as values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace linnet {

class MacAddress {
 public:
  MacAddress() = default;
  explicit MacAddress(const std::array<unsigned char, 6>& bytes) : bytes_(bytes) {}

  // Six hexadecimal pairs separated by ':' or '-'; absent for anything else.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
  // Absent unless there are six bytes.
  [[nodiscard]] static std::optional<MacAddress> from_bytes(std::span<const unsigned char> bytes);
  // A locally administered unicast address made from the first six bytes of `seed`.
  [[nodiscard]] static MacAddress local_from(std::span<const unsigned char, 6> seed);

  [[nodiscard]] const std::array<unsigned char, 6>& bytes() const { return bytes_; }
  // Lower case, ':' between the pairs.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_multicast() const { return (bytes_[0] & 1U) != 0; }
  [[nodiscard]] bool is_zero() const { return bytes_ == std::array<unsigned char, 6>{}; }

  friend bool operator==(const MacAddress&, const MacAddress&) = default;

 private:
  std::array<unsigned char, 6> bytes_{};
};

}  // namespace linnet
