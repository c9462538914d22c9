// Texts of the kernel below /proc and /sys, which name what containers make (links, mounts), and of the tool of a
// legacy iptables.
#include <cstdlib>
#include <string>
#include <string_view>

#include "netlink/steering.h"
#include "plugins/attach/sysctls.h"
#include "plugins/ipam/host-local/namespaces.h"
#include "plugins/meta/firewall/legacy.h"
#include "rig/counters.h"

using namespace linnet;

namespace {

void read_by_rig(std::string_view text) {
  const rig::Counters before = rig::parse_counters(text);
  const rig::Counters after = rig::parse_counters(text.substr(text.size() / 2));
  static_cast<void>(rig::difference(after, before));
  static_cast<void>(rig::parse_cpu_time(text) - rig::parse_cpu_time(text.substr(text.size() / 2)));
  static_cast<void>(rig::parse_stat(text));
  static_cast<void>(rig::parse_per_cpu(text, "softirq "));
  static_cast<void>(rig::parse_softnet(text));
  static_cast<void>(rig::parse_link_counters(text, "eth0"));
}

void read_by_plugins(std::string_view text) {
  static_cast<void>(host_local::namespace_number(text));
  static_cast<void>(host_local::mounted_namespaces(text));
  static_cast<void>(firewall::parse_legacy_listing(std::string(text)));
  static_cast<void>(attach::same_sysctl_value(text.substr(text.size() / 2), text));
  // A list of CPUs that was understood is written as one that means the same.
  const auto expect_same = [](const auto& cpus, auto text_of, auto parse) {
    if (cpus && parse(text_of(*cpus)) != cpus) {
      std::abort();
    }
  };
  expect_same(netlink::parse_cpu_list(text), netlink::cpu_list_text, netlink::parse_cpu_list);
  expect_same(netlink::parse_cpu_mask(text), netlink::cpu_mask_text, netlink::parse_cpu_mask);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_by_rig(text);
  read_by_plugins(text);
  return 0;
}
