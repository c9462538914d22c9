// Figures as text.
#pragma once

#include <string>

#include "rig/statistics.h"

namespace linnet::rig {

[[nodiscard]] std::string fixed(double value, int digits);
// With blanks in front, or behind, up to `width` bytes.
[[nodiscard]] std::string padded(std::string text, std::size_t width);
[[nodiscard]] std::string padded_behind(std::string text, std::size_t width);
// "no difference" for a ratio of rates whose interval covers 1, else "faster" or "slower".
[[nodiscard]] std::string verdict(const Estimate& ratio);
// "0.998 [0.990, 1.004]".
[[nodiscard]] std::string with_interval(const Estimate& estimate);

}  // namespace linnet::rig
