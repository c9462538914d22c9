#include "plugins/attach/steering.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/sysctl.h"

namespace linnet::attach {

namespace {

using Mode = Steering::Mode;

constexpr const char* kSockFlowEntries = "net/core/rps_sock_flow_entries";
constexpr int kLargestFlowTable = 1 << 20;
// Entries of a veth's own flow table, as many flows as one container has busy at a time: 48 kB.
constexpr std::uint32_t kFlowCount = 4096;

// A mask is told from a list by "0x", or by the groups of eight digits in which the kernel prints it.
std::optional<netlink::CpuSet> parse_cpus(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return netlink::parse_cpu_mask(text.substr(2));
  }
  const std::size_t last = text.rfind(',');
  if (last != std::string_view::npos && text.size() - last - 1 == 8) {
    return netlink::parse_cpu_mask(text);
  }
  return netlink::parse_cpu_list(text);
}

Steering parse_value(cni::ObjectReader& reader, std::string_view key, Steering absent) {
  const std::optional<std::string> text = reader.text(key);
  if (!text || text->empty()) {
    return absent;
  }
  if (*text == "auto") {
    return {.mode = Mode::kAuto};
  }
  if (*text == "off") {
    return {.mode = Mode::kOff};
  }
  if (*text == "all") {
    return {.mode = Mode::kAll};
  }
  if (*text == "follow") {
    return {.mode = Mode::kFollow};
  }
  std::optional<netlink::CpuSet> cpus = parse_cpus(*text);
  if (!cpus || cpus->empty()) {
    reader.fail(key,
                concat(linnet::quoted(*text),
                       ": expected \"auto\", \"off\", \"all\", \"follow\", a list of CPUs such as "
                       "\"0-3,8\", or a mask such as \"0xf\""));
  }
  return {.mode = Mode::kCpus, .cpus = *std::move(cpus), .key = key};
}

bool follows(const Steering& steering) {
  return steering.mode == Mode::kAuto || steering.mode == Mode::kFollow;
}

netlink::ReceiveSteering plan(const Steering& steering, const netlink::Sysfs& sysfs) {
  if (steering.mode == Mode::kAuto) {
    return {.cpus = {}, .flow_count = kFlowCount};
  }
  if (steering.mode != Mode::kCpus) {
    return {.cpus = sysfs.available_cpus(), .flow_count = follows(steering) ? kFlowCount : 0};
  }
  const netlink::CpuSet online = sysfs.online_cpus();
  netlink::CpuSet missing;
  std::ranges::set_difference(steering.cpus, online, std::inserter(missing, missing.end()));
  if (!missing.empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat('"', steering.key, "\": CPUs ", netlink::cpu_list_text(missing),
                            " are not online, which are ", netlink::cpu_list_text(online)));
  }
  return {.cpus = steering.cpus, .flow_count = 0};
}

bool can_follow_flows() { return netlink::find_sysctl(kSockFlowEntries).value_or("0") != "0"; }

// To be called by a thread in the link's namespace.
void find_problems(const Steering& steering, const netlink::Link& link,
                   std::vector<std::string>& problems) {
  const netlink::Sysfs sysfs(link.name, link.index);
  const netlink::ReceiveSteering present = sysfs.steering(link.name);
  const netlink::ReceiveSteering wanted = plan(steering, sysfs);
  // The administrator may have made the flow table after ADD.
  if (present == wanted ||
      (steering.mode == Mode::kAuto && present == netlink::ReceiveSteering{})) {
    return;
  }
  problems.push_back(concat(link.name, " steers what it receives to CPUs ",
                            linnet::quoted(netlink::cpu_list_text(present.cpus)), " with ",
                            present.flow_count, " flows, not to ",
                            linnet::quoted(netlink::cpu_list_text(wanted.cpus)), " with ",
                            wanted.flow_count));
}

}  // namespace

SteeringConfig parse_steering(cni::ObjectReader& reader) {
  SteeringConfig config;
  config.host = parse_value(reader, "rps", config.host);
  config.container = parse_value(reader, "rpsContainer", config.container);
  config.sock_flow_entries = static_cast<std::uint32_t>(
      reader.integer("rpsSockFlowEntries", 0, kLargestFlowTable).value_or(0));
  return config;
}

bool prepare_flow_following(const SteeringConfig& config) {
  if (!follows(config.host) && !follows(config.container)) {
    return false;
  }
  const std::optional<std::string> entries = netlink::find_sysctl(kSockFlowEntries);
  if (entries && *entries != "0") {
    return true;
  }
  const bool asked = config.host.mode == Mode::kFollow || config.container.mode == Mode::kFollow;
  if (entries && config.sock_flow_entries != 0) {
    netlink::ensure_sysctl(kSockFlowEntries, concat(config.sock_flow_entries));
    log_info(concat("net.core.rps_sock_flow_entries of this host was 0 and is now ",
                    config.sock_flow_entries, ", as \"rpsSockFlowEntries\" says"));
    return true;
  }
  if (asked) {
    log_warning(
        "\"rps\": \"follow\" has no effect: the host's net.core.rps_sock_flow_entries is 0; set "
        "it, "
        "or allow this plugin to by \"rpsSockFlowEntries\": 32768");
  }
  return false;
}

bool is_steered(const Steering& steering, bool can_follow) {
  return follows(steering) ? can_follow : steering.mode != Mode::kOff;
}

void steer_receive(const Steering& steering, bool can_follow, const netlink::Link& link) {
  if (!is_steered(steering, can_follow)) {
    return;
  }
  try {
    const netlink::Sysfs sysfs(link.name, link.index);
    sysfs.set_steering(link.name, plan(steering, sysfs));
  } catch (const SystemError& error) {
    if (steering.mode != Mode::kAuto) {
      throw;
    }
    log_warning(concat("what ", link.name, " receives is not steered: ", error.what()));
  }
}

std::vector<std::string> steering_problems(netlink::Sandbox& sandbox, const netlink::Link& host_end,
                                           const netlink::Link& container_end,
                                           const SteeringConfig& config) {
  const bool can_follow = can_follow_flows();
  std::vector<std::string> problems;
  if (is_steered(config.host, can_follow)) {
    find_problems(config.host, host_end, problems);
  }
  if (is_steered(config.container, can_follow)) {
    sandbox.run([&] { find_problems(config.container, container_end, problems); });
  }
  return problems;
}

}  // namespace linnet::attach
