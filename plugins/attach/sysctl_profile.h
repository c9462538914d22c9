// Named sets of sysctls. Each value and its reason: docs/sysctls.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace linnet::attach {

struct ProfileEntry {
  std::string_view name;  // with dots
  std::string_view value;
};

// Empty when there is no such profile.
[[nodiscard]] std::span<const ProfileEntry> find_sysctl_profile(std::string_view name);

// The names of all profiles for a message.
[[nodiscard]] std::string sysctl_profile_names();

}  // namespace linnet::attach
