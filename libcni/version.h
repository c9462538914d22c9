// Versions of the CNI specification.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"

namespace linnet::cni {

inline constexpr std::array<std::string_view, 7> kAllVersions = {"0.1.0", "0.2.0", "0.3.0", "0.3.1",
                                                                 "0.4.0", "1.0.0", "1.1.0"};
inline constexpr std::string_view kNewestVersion = "1.1.0";

// <0, 0, >0 as `a` is older than, equal to or newer than `b`. Both are MAJOR.MINOR.PATCH; throws
// Error(kIncompatibleVersion) for anything else.
[[nodiscard]] int compare_versions(std::string_view a, std::string_view b);

[[nodiscard]] inline bool at_least(std::string_view version, std::string_view bound) {
  return compare_versions(version, bound) >= 0;
}

// The answer to VERSION: {"cniVersion": "1.1.0", "supportedVersions": [...]}.
[[nodiscard]] Json version_answer(std::span<const std::string_view> supported);

// The versions in an answer to VERSION. An answer that names none is read as the specification
// says: no list and 0.2.0 means 0.1.0 and 0.2.0. Throws Error(kDecodingFailure).
[[nodiscard]] std::vector<std::string> parse_version_answer(const Json& answer);

}  // namespace linnet::cni
