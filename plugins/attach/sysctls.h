// Sysctls of a container's network namespace: the keys "sysctl", "sysctlInherit" and "sysctlProfile" that
// every interface plugin has. Parsed and planned without the kernel's help, applied and checked by a
// thread inside the namespace. What can be set and what cannot: docs/sysctls.md.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/transaction.h"
#include "libcni/request.h"
#include "netlink/netns.h"

namespace linnet::attach {

struct SysctlEntry {
  std::string given;  // as configured, for messages and for the allow list of tuning
  std::string path;   // below /proc/sys; a component IFNAME stands for the container's interface
  std::string value;
};

struct SysctlConfig {
  std::vector<SysctlEntry> values;     // "sysctl"
  std::vector<SysctlEntry> inherited;  // "sysctlInherit"; no values
  std::string profile;                 // "sysctlProfile"; empty: none

  [[nodiscard]] bool empty() const {
    return values.empty() && inherited.empty() && profile.empty();
  }
};

// "net.ipv4.conf.IFNAME.rp_filter" or "net/ipv4/conf/eth0.100/rp_filter" to a path. As in sysctl(8) the
// separator that comes first counts, and the other one behind it stands for it in a component:
// "net.ipv4.conf.eth0/100.rp_filter". Throws cni::Error(kInvalidNetworkConfig) that starts with `key` for
// a name that is not below net/, has an empty component, "." or "..", or holds control characters, and
// for one that has a single value for the whole machine though it can be written inside a namespace.
[[nodiscard]] std::string sysctl_path(std::string_view key, std::string_view name);

// Throws cni::Error(kInvalidNetworkConfig) for names that sysctl_path() refuses, for values that are
// neither text nor number, and for a name given twice, also in two spellings.
[[nodiscard]] SysctlConfig parse_sysctls(const cni::NetConf& conf);

// The members of `object` on top of those of the configuration. `key` is the object's name in messages.
void override_sysctls(SysctlConfig& config, const cni::Json& object, const std::string& key);

// The names that the configuration would write, as they were given.
[[nodiscard]] std::vector<std::string> sysctl_names(const SysctlConfig& config);

enum class SysctlOrigin { kProfile, kInherited, kConfigured };

struct SysctlSetting {
  std::string given;
  std::string path;  // without placeholder
  std::string value;
  SysctlOrigin origin = SysctlOrigin::kConfigured;
};

// The host's value of a sysctl, absent when there is none.
using SysctlReader = std::function<std::optional<std::string>(const std::string& path)>;

// What is to be written, each sysctl once: "sysctl" wins over "sysctlInherit", that one over the profile.
// The settings of all interfaces come before those of one. To be called in the host's namespace: `read`
// (default: the kernel) gives the values to be inherited. Throws cni::Error(kInvalidNetworkConfig) for a
// name that the host does not have.
[[nodiscard]] std::vector<SysctlSetting> plan_sysctls(const SysctlConfig& config,
                                                      const std::string& ifname,
                                                      const SysctlReader& read = {});

// Writes the plan; to be called by a thread inside the namespace at `netns_path`, before addresses are up.
// `host` is the namespace to compare with when a name turns out not to exist. A part of the profile that
// cannot be set is left out with a warning. Anything else that cannot be set throws
// cni::Error(kInvalidNetworkConfig) that says which, why, and the way out; all values are then as they were.
// `transaction` gets the step that sets them back, for a namespace that is still there.
void apply_sysctls(const std::vector<SysctlSetting>& plan, const netlink::Netns& host,
                   const std::string& netns_path, Transaction& transaction);

// What of the plan the kernel does not show, one sentence each; to be called by a thread inside. An
// inherited value that differs from the host's is only a warning: the host's may have changed since.
[[nodiscard]] std::vector<std::string> sysctl_problems(const std::vector<SysctlSetting>& plan);

// Whether the kernel's text `present` says the same as `wanted`: numbers in any base, any white space,
// port lists in any grouping, addresses and keys in any spelling.
[[nodiscard]] bool same_sysctl_value(std::string_view wanted, std::string_view present);

}  // namespace linnet::attach
