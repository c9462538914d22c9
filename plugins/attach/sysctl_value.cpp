#include <algorithm>
#include <cstdint>

#include "base/ip_address.h"
#include "base/text.h"
#include "plugins/attach/sysctls.h"

namespace linnet::attach {

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n') {
      if (!word.empty()) {
        words.push_back(std::move(word));
      }
      word.clear();
    } else {
      word.push_back(c);
    }
  }
  if (!word.empty()) {
    words.push_back(std::move(word));
  }
  return words;
}

// As the kernel reads numbers: decimal, 0x and octal.
std::optional<std::int64_t> number_of(std::string_view word) {
  const bool negative = word.starts_with('-');
  word.remove_prefix(negative ? 1 : 0);
  int base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    base = 16;
    word.remove_prefix(2);
  } else if (word.size() > 1 && word.starts_with('0')) {
    base = 8;
  }
  const std::optional<std::uint64_t> value = parse_number<std::uint64_t>(word, base);
  if (!value || *value > INT64_MAX) {
    return std::nullopt;
  }
  const auto magnitude = static_cast<std::int64_t>(*value);
  return negative ? -magnitude : magnitude;
}

struct Span {
  std::uint32_t first;
  std::uint32_t last;
  friend bool operator==(const Span&, const Span&) = default;
};

// "1-3,5", merged; absent for anything else.
std::optional<std::vector<Span>> spans_of(std::string_view word) {
  std::vector<Span> spans;
  for (const std::string& part : split(word, ',')) {
    const std::vector<std::string> ends = split(part, '-');
    const std::optional<std::uint32_t> first = parse_number<std::uint32_t>(ends.front());
    const std::optional<std::uint32_t> last = parse_number<std::uint32_t>(ends.back());
    if (!first || !last || ends.size() > 2 || *first > *last || *last > 0xffff) {
      return std::nullopt;
    }
    spans.push_back({*first, *last});
  }
  std::ranges::sort(spans, {}, &Span::first);
  std::vector<Span> merged;
  for (const Span& span : spans) {
    if (!merged.empty() && span.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, span.last);
    } else {
      merged.push_back(span);
    }
  }
  return merged;
}

// Groups of hexadecimal digits without leading zeros: "00ff-0" and "ff-00000000" are one key, and the same
// of masks with commas.
std::string key_of(std::string_view word) {
  std::string key;
  bool leading = true;
  for (char c : word) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    if (leading && c == '0') {
      continue;
    }
    leading = !digit;
    key.push_back(c);
  }
  return key;
}

bool same_word(const std::string& wanted, const std::string& present) {
  if (wanted == present) {
    return true;
  }
  const std::optional<std::int64_t> number = number_of(wanted);
  if (number && number == number_of(present)) {
    return true;
  }
  if (number) {
    return false;
  }
  const auto spans = spans_of(wanted);
  if (spans && spans == spans_of(present)) {
    return true;
  }
  const std::optional<IpAddress> address = IpAddress::parse(wanted);
  if (address && address == IpAddress::parse(present)) {
    return true;
  }
  const bool is_key = wanted.find_first_of("-,") != std::string::npos;
  return is_key && !spans && key_of(wanted) == key_of(present);
}

}  // namespace

bool same_sysctl_value(std::string_view wanted, std::string_view present) {
  return std::ranges::equal(words_of(wanted), words_of(present), same_word);
}

}  // namespace linnet::attach
