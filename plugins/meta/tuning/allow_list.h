// The administrator's list of sysctls that tuning may set.
// Source: the reference plugin's /etc/cni/tuning/allowlist.conf.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::tuning {

inline constexpr const char* kAllowListPath = "/etc/cni/tuning/allowlist.conf";

// Regular expressions, one a line, matched anywhere in the name; empty lines are none.
[[nodiscard]] std::vector<std::string> parse_allow_list(std::string_view text);

// Absent when there is no file: everything is allowed then. Throws cni::Error(kIoFailure).
[[nodiscard]] std::optional<std::vector<std::string>> find_allow_list(const std::string& path);

// Throws cni::Error(kInvalidNetworkConfig) for the first name that matches no expression, and for an
// expression that cannot be read: nothing is allowed by a list with an error in it.
void require_allowed(std::span<const std::string> names, std::span<const std::string> list);

}  // namespace linnet::tuning
