#include "rig/wording.h"

#include <charconv>

#include "base/text.h"

namespace linnet::rig {

std::string fixed(double value, int digits) {
  // Of the largest number 309 digits stand before the point.
  char text[400];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, digits).ptr};
}

std::string padded(std::string text, std::size_t width) {
  text.insert(0, width > text.size() ? width - text.size() : 0, ' ');
  return text;
}

std::string padded_behind(std::string text, std::size_t width) {
  text.append(width > text.size() ? width - text.size() : 0, ' ');
  return text;
}

std::string verdict(const Estimate& ratio) {
  if (ratio.interval.covers(1)) {
    return "no difference";
  }
  return ratio.value > 1 ? "faster" : "slower";
}

std::string with_interval(const Estimate& estimate) {
  return concat(fixed(estimate.value, 3), " [", fixed(estimate.interval.low, 3), ", ",
                fixed(estimate.interval.high, 3), "]");
}

}  // namespace linnet::rig
