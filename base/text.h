// Small text helpers without locale and without iostream, which would double a plugin's start-up.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linnet {

namespace text_detail {
inline void append(std::string& out, std::string_view part) { out.append(part); }
inline void append(std::string& out, char part) { out.push_back(part); }
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void append(std::string& out, T part) {
  char digits[24];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, part);
  out.append(digits, end);
}
}  // namespace text_detail

// The parts one after another: text, characters and integers (decimal).
template <typename... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::string out;
  (text_detail::append(out, parts), ...);
  return out;
}

// The decimal number that is the whole of `text`, absent when it is anything else or out of range.
template <std::integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

// `text` cut at every `separator`; "" gives one empty part.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);

// Without ASCII white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

// Equal but for ASCII case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

// In double quotes, control characters and quotes escaped, cut to `limit` bytes with an ellipsis: fit
// for a message that shows input nobody has checked. Call it qualified where <nlohmann/json.hpp> is
// included: for a std::string, argument-dependent lookup finds std::quoted as well and prefers it.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t limit = 200);

[[nodiscard]] std::string to_hex(std::span<const unsigned char> bytes);

// Standard base64 (RFC 4648) with padding. Decoding gives nothing for input that is not base64.
[[nodiscard]] std::string to_base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

// The candidate a person most likely meant by `word` (edit distance at most 2 and at most a third of
// the word, case ignored), absent when none is near.
[[nodiscard]] std::optional<std::string_view> closest_match(
    std::string_view word, std::span<const std::string_view> candidates);

}  // namespace linnet
