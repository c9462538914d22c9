#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/sysctl_profile.h"
#include "plugins/attach/sysctls.h"

namespace linnet::attach {

namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestValue = 4096;  // what sysctl handlers take of one write

// Written inside a namespace these change the whole machine. The first one on every kernel: a static key
// that can only be switched on. The others before Linux 5.13, which made them read-only there.
constexpr std::array<std::string_view, 6> kMachineWide = {
    "net/netfilter/nf_hooks_lwtunnel",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_buckets",
    "net/netfilter/nf_conntrack_expect_max",
    "net/nf_conntrack_max",
    "net/ipv4/tcp_allowed_congestion_control"};

[[noreturn]] void fail(std::string_view key, std::string_view name, std::string_view problem) {
  throw cni::Error(cni::Code::kInvalidNetworkConfig,
                   concat('"', key, "\": ", linnet::quoted(name), ' ', problem));
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// The separator that comes first, '/' where it is not, changing places with the other one.
std::string with_slashes(std::string_view name) {
  std::string path(name);
  const std::size_t first = path.find_first_of("./");
  if (first == std::string::npos || path[first] == '/') {
    return path;
  }
  for (char& c : path) {
    c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  return path;
}

std::string value_text(const cni::Json& value, const std::string& key, const std::string& name) {
  std::string text;
  if (value.is_string()) {
    text = std::string(trim(value.get_ref<const std::string&>()));
  } else if (value.is_number_integer()) {
    text = cni::dump(value);
  } else {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat('"', key, '.', name, "\": expected a string or an integer, got ",
                            cni::describe(value)));
  }
  const bool bad = std::ranges::any_of(text, [](char c) {
    return c != '\t' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
  });
  if (bad) {
    fail(key, name, "has a value with control characters, which no sysctl takes");
  }
  if (text.size() > kLongestValue) {
    fail(
        key, name,
        concat("has a value of ", text.size(), " bytes, the kernel takes at most ", kLongestValue));
  }
  return text;
}

[[noreturn]] void fail_twice(const std::string& key, const std::string& a, const std::string& b) {
  throw cni::Error(cni::Code::kInvalidNetworkConfig,
                   concat('"', key, "\": duplicated sysctl keys are not allowed: ",
                          linnet::quoted(a), " and ", linnet::quoted(b), ", remove one of them"));
}

void require_distinct(const std::vector<SysctlEntry>& entries, const std::string& key) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (entries[i].path == entries[k].path) {
        fail_twice(key, entries[k].given, entries[i].given);
      }
    }
  }
}

// A parsed object keeps one of several members with the same key: the text has them all.
void require_distinct_members(const std::string& text) {
  std::string outer;
  std::set<std::string> seen;
  std::optional<std::string> twice;
  const cni::Json::parser_callback_t look = [&](int depth, cni::Json::parse_event_t event,
                                                cni::Json& name) {
    if (event != cni::Json::parse_event_t::key) {
      return true;
    }
    const auto& key = name.get_ref<const std::string&>();
    if (depth == 1) {
      outer = key;
    } else if (depth == 2 && equals_ignoring_case(outer, "sysctl") && !seen.insert(key).second) {
      twice = key;
    }
    return true;
  };
  [[maybe_unused]] const cni::Json parsed = cni::Json::parse(text, look, false);
  if (twice) {
    fail_twice("sysctl", *twice, *twice);
  }
}

std::vector<SysctlEntry> parse_values(const cni::Json& object, const std::string& key) {
  std::vector<SysctlEntry> entries;
  for (const auto& member : object.items()) {
    entries.push_back({.given = member.key(),
                       .path = sysctl_path(key, member.key()),
                       .value = value_text(member.value(), key, member.key())});
  }
  require_distinct(entries, key);
  return entries;
}

std::vector<SysctlEntry> parse_inherited(cni::ObjectReader& reader) {
  constexpr std::string_view kKey = "sysctlInherit";
  std::vector<SysctlEntry> entries;
  for (std::string& name : reader.text_list(kKey).value_or(std::vector<std::string>())) {
    std::string path = sysctl_path(kKey, name);
    if (concat(path, '/').find("/IFNAME/") != std::string::npos) {
      fail(kKey, name, "names the container's interface, which the host does not have");
    }
    entries.push_back({.given = std::move(name), .path = std::move(path), .value = {}});
  }
  require_distinct(entries, std::string(kKey));
  return entries;
}

}  // namespace

std::string sysctl_path(std::string_view key, std::string_view name) {
  if (name.size() > kLongestName) {
    fail(key, name, concat("is longer than ", kLongestName, " bytes"));
  }
  if (has_control_character(name)) {
    fail(key, name, "holds control characters");
  }
  std::string path = with_slashes(name);
  const std::vector<std::string> parts = split(path, '/');
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == "..") {
      fail(key, name, "has an empty component, \".\" or \"..\", and is no sysctl's name");
    }
  }
  if (parts.size() < 2 || parts.front() != "net") {
    fail(key, name,
         "is not below net: only sysctls of the network namespace, such as "
         "\"net.core.somaxconn\", can be set for a container");
  }
  if (std::ranges::find(kMachineWide, path) != kMachineWide.end()) {
    fail(key, name,
         "has one value for the whole machine, also where the kernel lets a container write it: "
         "remove it here and set it on the host");
  }
  return path;
}

SysctlConfig parse_sysctls(const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  SysctlConfig config;
  if (const cni::Json* object = reader.object("sysctl"); object != nullptr && !object->empty()) {
    require_distinct_members(conf.raw);
    config.values = parse_values(*object, "sysctl");
  }
  config.inherited = parse_inherited(reader);
  config.profile = reader.text("sysctlProfile").value_or("");
  if (!config.profile.empty() && find_sysctl_profile(config.profile).empty()) {
    reader.fail("sysctlProfile", concat("there is no profile ", linnet::quoted(config.profile),
                                        ", known: ", sysctl_profile_names()));
  }
  return config;
}

void override_sysctls(SysctlConfig& config, const cni::Json& object, const std::string& key) {
  for (SysctlEntry& entry : parse_values(object, key)) {
    const auto found = std::ranges::find(config.values, entry.path, &SysctlEntry::path);
    if (found != config.values.end()) {
      *found = std::move(entry);
    } else {
      config.values.push_back(std::move(entry));
    }
  }
}

std::vector<std::string> sysctl_names(const SysctlConfig& config) {
  std::vector<std::string> names;
  for (const ProfileEntry& entry : find_sysctl_profile(config.profile)) {
    names.emplace_back(entry.name);
  }
  for (const std::vector<SysctlEntry>* entries : {&config.inherited, &config.values}) {
    for (const SysctlEntry& entry : *entries) {
      names.push_back(entry.given);
    }
  }
  return names;
}

}  // namespace linnet::attach
