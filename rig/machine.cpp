#include "rig/machine.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "netlink/sysctl.h"
#include "rig/namespaces.h"
#include "rig/traffic.h"

namespace linnet::rig {

namespace {

using cni::Json;

constexpr const char* kSysctls[] = {"net/ipv4/tcp_congestion_control",
                                    "net/ipv4/tcp_rmem",
                                    "net/ipv4/tcp_wmem",
                                    "net/ipv4/tcp_sack",
                                    "net/ipv4/tcp_dsack",
                                    "net/ipv4/tcp_timestamps",
                                    "net/ipv4/tcp_reordering",
                                    "net/core/default_qdisc",
                                    "net/core/netdev_max_backlog",
                                    "net/core/netdev_budget",
                                    "net/core/rps_default_mask"};

struct Offload {
  const char* name;
  std::uint32_t command;
};
constexpr Offload kOffloads[] = {{"rx-checksum", ETHTOOL_GRXCSUM},
                                 {"tx-checksum", ETHTOOL_GTXCSUM},
                                 {"scatter-gather", ETHTOOL_GSG},
                                 {"tso", ETHTOOL_GTSO},
                                 {"gso", ETHTOOL_GGSO},
                                 {"gro", ETHTOOL_GGRO}};

std::string cpu_model() {
  const std::string text = find_file("/proc/cpuinfo", 16 << 20).value_or("");
  for (const std::string& line : split(text.substr(0, 1 << 16), '\n')) {
    if (line.starts_with("model name") && line.find(':') != std::string::npos) {
      return std::string(trim(std::string_view(line).substr(line.find(':') + 1)));
    }
  }
  return "unknown";
}

Json offloads_of(const std::string& link) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  require(socket.get() >= 0, "make a socket");
  Json on = Json::array();
  for (const Offload& offload : kOffloads) {
    ethtool_value value{.cmd = offload.command, .data = 0};
    ifreq request{};
    std::strncpy(request.ifr_name, link.c_str(), sizeof request.ifr_name - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    if (::ioctl(socket.get(), SIOCETHTOOL, &request) == 0 && value.data != 0) {
      on.push_back(offload.name);
    }
  }
  return on;
}

}  // namespace

std::string kernel_name() {
  utsname name{};
  ::uname(&name);
  return concat(name.sysname, " ", name.release, " ", name.machine);
}

Json describe_machine() {
  Json sysctls = Json::object();
  for (const char* const name : kSysctls) {
    if (const std::optional<std::string> value = netlink::find_sysctl(name)) {
      sysctls[name] = *value;
    }
  }
  return {{"kernel", kernel_name()},
          {"cpu", cpu_model()},
          {"cpus", allowed_cpus().size()},
          {"ticks_per_second", ::sysconf(_SC_CLK_TCK)},
          {"sysctls", std::move(sysctls)}};
}

Json describe_link(const std::string& name) {
  netlink::RouteSocket socket;
  const netlink::Link link = socket.get_link(name);
  const std::optional<netlink::Qdisc> qdisc = socket.find_root_qdisc(link.index);
  return {{"kind", link.kind.empty() ? "device" : link.kind},
          {"mtu", link.mtu},
          {"qdisc", qdisc ? qdisc->kind : "none"},
          {"offloads", offloads_of(name)}};
}

double load_average() { return std::strtod(read_file("/proc/loadavg", 256).c_str(), nullptr); }

}  // namespace linnet::rig
