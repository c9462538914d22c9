#include "base/sha512.h"

#include <sys/types.h>

#include <sha512.h>

#include <cstdint>
#include <span>

#include "base/text.h"

namespace linnet {

std::array<unsigned char, 64> sha512(std::string_view content) {
  SHA512_CTX context;
  SHA512Init(&context);
  SHA512Update(&context, reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  std::array<unsigned char, 64> digest{};
  SHA512Final(digest.data(), &context);
  return digest;
}

std::string sha512_hex(std::string_view content, std::size_t digits) {
  const std::array<unsigned char, 64> digest = sha512(content);
  return to_hex(std::span(digest).first((digits + 1) / 2)).substr(0, digits);
}

}  // namespace linnet
