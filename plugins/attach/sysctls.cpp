#include "plugins/attach/sysctls.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/sysctl.h"
#include "plugins/attach/sysctl_profile.h"

namespace linnet::attach {

namespace {

using netlink::SysctlChange;
using Outcome = SysctlChange::Outcome;

constexpr std::string_view kCongestionControl = "net/ipv4/tcp_congestion_control";

std::string with_interface(const std::string& path, const std::string& ifname) {
  std::vector<std::string> parts = split(path, '/');
  std::ranges::replace(parts, std::string("IFNAME"), ifname);
  return join(parts, "/");
}

// Writing a setting of all interfaces writes those of each one, too.
int rank_of(const SysctlSetting& setting) {
  if (setting.path.find("/conf/") == std::string::npos) {
    return 0;
  }
  return setting.path.find("/conf/all/") != std::string::npos       ? 1
         : setting.path.find("/conf/default/") != std::string::npos ? 2
                                                                    : 3;
}

std::string host_value(const SysctlEntry& entry, const SysctlReader& read) {
  std::string problem = "the host has no such sysctl: check the spelling, or load its module";
  try {
    if (std::optional<std::string> value = read(entry.path)) {
      return *std::move(value);
    }
  } catch (const SystemError& error) {
    problem = error.what();
  }
  throw cni::Error(cni::Code::kInvalidNetworkConfig,
                   concat("\"sysctlInherit\": ", linnet::quoted(entry.given), ": ", problem));
}

std::string trouble_with_algorithm(const SysctlSetting& setting, const SysctlChange& change) {
  const auto list = [](const char* name) {
    return netlink::find_sysctl(concat("net/ipv4/tcp_", name, "_congestion_control")).value_or("");
  };
  if (change.error == EPERM) {
    const std::string allowed = list("allowed");
    return concat(
        "inside a namespace only an algorithm of "
        "net.ipv4.tcp_allowed_congestion_control can be set, which is ",
        linnet::quoted(allowed),
        ": choose one of these, or add it on the host: sysctl "
        "-w net.ipv4.tcp_allowed_congestion_control=",
        linnet::quoted(concat(allowed, ' ', setting.value)));
  }
  return concat("there is no such algorithm, available are ", linnet::quoted(list("available")),
                ": choose one of these, or load its module on the host");
}

std::string why_absent(const SysctlSetting& setting, const netlink::Netns& host) {
  bool on_host = false;
  netlink::Netns::current().run_inside(host,
                                       [&] { on_host = netlink::sysctl_exists(setting.path); });
  if (on_host) {
    return "is not namespaced, its one value holds for the whole machine: remove it here and set "
           "it on the host";
  }
  return "is unknown to the container's namespace: check the spelling, load its module, or, if it "
         "is one that the kernel has only once for the whole machine, set it on the host";
}

std::string why_read_only(const SysctlSetting& setting, int error, const netlink::Netns& host) {
  if (error == EROFS) {
    return "cannot be set: /proc/sys is mounted read-only here";
  }
  bool on_host = false;
  netlink::Netns::current().run_inside(
      host, [&] { on_host = netlink::sysctl_is_writable(setting.path); });
  if (on_host) {
    return "is not namespaced, inside a container it is a read-only copy of the machine's value: "
           "remove it here and set it on the host";
  }
  return "is read-only in a container: it shows a state of the kernel, or the one value of the "
         "whole machine";
}

// Empty when the setting is as it should be now.
std::string problem_with(const SysctlSetting& setting, const SysctlChange& change,
                         const netlink::Netns& host) {
  switch (change.outcome) {
    case Outcome::kUnchanged:
      return {};
    case Outcome::kWritten:
      if (change.after && !same_sysctl_value(setting.value, *change.after)) {
        return concat("does not keep the value ", linnet::quoted(setting.value),
                      ", the kernel makes ", linnet::quoted(*change.after), " of it");
      }
      return {};
    case Outcome::kAbsent:
      return why_absent(setting, host);
    case Outcome::kReadOnly:
      return why_read_only(setting, change.error, host);
    case Outcome::kRefused:
      break;
  }
  std::string refusal = concat("does not take the value ", linnet::quoted(setting.value), " (",
                               errno_text(change.error), ")");
  if (setting.path == kCongestionControl && (change.error == EPERM || change.error == ENOENT)) {
    refusal += concat(": ", trouble_with_algorithm(setting, change));
  }
  return refusal;
}

std::string describe_origin(const SysctlSetting& setting) {
  return setting.origin == SysctlOrigin::kInherited ? " (sysctlInherit)" : "";
}

// A value that was there before.
struct SysctlBackup {
  std::string path;
  std::string value;
};

// Newest first; what cannot be restored is a warning. To be called by a thread inside the namespace.
void restore_sysctls(const std::vector<SysctlBackup>& backup) {
  for (auto entry = backup.rbegin(); entry != backup.rend(); ++entry) {
    const SysctlChange change = netlink::change_sysctl(entry->path, entry->value);
    // Gone with its interface.
    if (change.error != 0 && change.outcome != Outcome::kAbsent) {
      log_warning(concat("sysctl ", entry->path, " cannot be set back to ",
                         linnet::quoted(entry->value), ": ", errno_text(change.error)));
    }
  }
}

// Applies and remembers; restores everything when it is left by an exception.
class Application {
 public:
  explicit Application(const netlink::Netns& host) : host_(host) {}
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;
  ~Application() {
    if (armed_) {
      restore_sysctls(backup_);
    }
  }

  // False when the kernel refuses the value now: another one of the plan may have to come first, as with
  // a pair of limits.
  bool try_apply(const SysctlSetting& setting) {
    SysctlChange change = attempt(setting);
    if (change.outcome == Outcome::kRefused) {
      return false;
    }
    settle(setting, change);
    return true;
  }

  void apply(const SysctlSetting& setting) { settle(setting, attempt(setting)); }

  std::vector<SysctlBackup> commit() {
    armed_ = false;
    return std::move(backup_);
  }

 private:
  SysctlChange attempt(const SysctlSetting& setting) {
    SysctlChange change = netlink::change_sysctl(setting.path, setting.value);
    if (change.outcome == Outcome::kWritten && change.before) {
      backup_.push_back({setting.path, *change.before});
    }
    return change;
  }

  void settle(const SysctlSetting& setting, const SysctlChange& change) {
    const std::string problem = problem_with(setting, change, host_);
    if (problem.empty()) {
      return;
    }
    if (setting.origin == SysctlOrigin::kProfile) {
      log_warning(concat("sysctlProfile goes on without ", setting.given, ", which ", problem));
      return;
    }
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        concat("sysctl ", linnet::quoted(setting.given), describe_origin(setting), ' ', problem));
  }

  const netlink::Netns& host_;
  std::vector<SysctlBackup> backup_;
  bool armed_ = true;
};

}  // namespace

std::vector<SysctlSetting> plan_sysctls(const SysctlConfig& config, const std::string& ifname,
                                        const SysctlReader& read) {
  std::vector<SysctlSetting> plan;
  const auto put = [&](SysctlSetting setting) {
    const auto same = std::ranges::find(plan, setting.path, &SysctlSetting::path);
    if (same == plan.end()) {
      plan.push_back(std::move(setting));
    } else {
      *same = std::move(setting);
    }
  };
  for (const ProfileEntry& entry : find_sysctl_profile(config.profile)) {
    put({std::string(entry.name), sysctl_path("sysctlProfile", entry.name),
         std::string(entry.value), SysctlOrigin::kProfile});
  }
  const SysctlReader& reader = read ? read : netlink::find_sysctl;
  for (const SysctlEntry& entry : config.inherited) {
    put({entry.given, entry.path, host_value(entry, reader), SysctlOrigin::kInherited});
  }
  for (const SysctlEntry& entry : config.values) {
    put({entry.given, with_interface(entry.path, ifname), entry.value, SysctlOrigin::kConfigured});
  }
  std::ranges::stable_sort(plan, {}, rank_of);
  return plan;
}

void apply_sysctls(const std::vector<SysctlSetting>& plan, const netlink::Netns& host,
                   const std::string& netns_path, Transaction& transaction) {
  Application application(host);
  std::vector<const SysctlSetting*> again;
  for (const SysctlSetting& setting : plan) {
    if (!application.try_apply(setting)) {
      again.push_back(&setting);
    }
  }
  for (const SysctlSetting* setting : again) {
    application.apply(*setting);
  }
  std::vector<SysctlBackup> backup = application.commit();
  if (backup.empty()) {
    return;
  }
  transaction.undo_with("restore sysctls", [netns_path, backup = std::move(backup)] {
    if (const auto netns = netlink::Netns::find(netns_path)) {
      netlink::Netns::current().run_inside(*netns, [&] { restore_sysctls(backup); });
    }
  });
}

std::vector<std::string> sysctl_problems(const std::vector<SysctlSetting>& plan) {
  std::vector<std::string> problems;
  for (const SysctlSetting& setting : plan) {
    std::optional<std::string> present;
    try {
      present = netlink::find_sysctl(setting.path);
    } catch (const SystemError& error) {
      // What triggers something has no value to compare.
      if (error.code() != EACCES || !netlink::sysctl_is_writable(setting.path)) {
        problems.emplace_back(error.what());
      }
      continue;
    }
    if (present && same_sysctl_value(setting.value, *present)) {
      continue;
    }
    if (setting.origin == SysctlOrigin::kProfile && !netlink::sysctl_is_writable(setting.path)) {
      continue;
    }
    std::string sentence = concat("sysctl ", setting.given,
                                  present ? concat(" is ", linnet::quoted(*present)) : " is gone",
                                  ", not ", linnet::quoted(setting.value));
    if (present && setting.origin == SysctlOrigin::kInherited) {
      log_warning(concat(sentence, " as on the host now"));
    } else {
      problems.push_back(std::move(sentence));
    }
  }
  return problems;
}

}  // namespace linnet::attach
