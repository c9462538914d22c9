#include "plugins/attach/sysctl_profile.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace linnet::attach {

namespace {

// docs/sysctls.md has the reason of each line.
constexpr std::array<ProfileEntry, 14> kDatacenter = {{
    {"net.ipv4.tcp_syn_retries", "2"},
    {"net.ipv4.tcp_synack_retries", "2"},
    {"net.ipv4.tcp_retries2", "8"},
    {"net.ipv4.tcp_fin_timeout", "15"},
    {"net.ipv4.tcp_tw_reuse", "1"},
    {"net.ipv4.ip_local_port_range", "16384 60999"},
    {"net.ipv4.tcp_syncookies", "1"},
    {"net.core.somaxconn", "16384"},
    {"net.ipv4.tcp_max_syn_backlog", "16384"},
    {"net.ipv4.tcp_slow_start_after_idle", "0"},
    {"net.ipv4.tcp_mtu_probing", "1"},
    {"net.ipv4.tcp_keepalive_time", "120"},
    {"net.ipv4.tcp_keepalive_intvl", "15"},
    {"net.ipv4.tcp_keepalive_probes", "4"},
}};

struct Profile {
  std::string_view name;
  std::span<const ProfileEntry> entries;
};

constexpr std::array<Profile, 1> kProfiles = {{{"datacenter", kDatacenter}}};

}  // namespace

std::span<const ProfileEntry> find_sysctl_profile(std::string_view name) {
  const auto found = std::ranges::find(kProfiles, name, &Profile::name);
  return found == kProfiles.end() ? std::span<const ProfileEntry>() : found->entries;
}

std::string sysctl_profile_names() {
  std::vector<std::string> names;
  names.reserve(kProfiles.size());
  for (const Profile& profile : kProfiles) {
    names.push_back(quoted(profile.name));
  }
  return join(names, ", ");
}

}  // namespace linnet::attach
