// The configuration of tuning, checked. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/mac_address.h"
#include "libcni/request.h"
#include "plugins/attach/sysctls.h"

namespace linnet::tuning {

struct Config {
  attach::SysctlConfig sysctls;
  std::optional<MacAddress> mac;
  std::optional<bool> promiscuous;
  std::uint32_t mtu = 0;  // bytes, 0: left as it is
  std::optional<bool> all_multicast;
  std::optional<std::uint32_t> tx_queue_length;  // packets
  std::string data_dir = "/run/cni/tuning";

  [[nodiscard]] bool changes_link() const {
    return mac || promiscuous || mtu != 0 || all_multicast || tx_queue_length;
  }
};

// args.cni wins over everything; for the MAC address runtimeConfig and then CNI_ARGS come before the
// configuration. Throws cni::Error that names key, value and way out.
[[nodiscard]] Config parse_config(const cni::Request& request, const cni::NetConf& conf);

// For DEL and GC, which must work whatever the rest of the configuration holds: a dataDir that cannot be
// used is a warning, and the default is taken.
[[nodiscard]] std::string parse_data_dir_leniently(const cni::NetConf& conf);

}  // namespace linnet::tuning
