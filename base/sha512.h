// SHA-512, from which the reference plugins derive chain names, rule comments and container ids.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace linnet {

[[nodiscard]] std::array<unsigned char, 64> sha512(std::string_view content);

// The first `digits` hexadecimal digits (at most 128) of the hash.
[[nodiscard]] std::string sha512_hex(std::string_view content, std::size_t digits);

}  // namespace linnet
