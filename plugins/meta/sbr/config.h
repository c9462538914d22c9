// The configuration of sbr, checked. No kernel.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ip_address.h"
#include "libcni/request.h"

namespace linnet::sbr {

struct Config {
  std::uint32_t table =
      0;  // somebody else's; only rules lead there. 0: one of this plugin's an address
  std::optional<IpAddress> gateway4 = {};
  std::optional<IpAddress> gateway6 = {};
  bool source_hints = false;  // the main table keeps the subnets' routes

  [[nodiscard]] const std::optional<IpAddress>& gateway(Family family) const {
    return family == Family::kIpv4 ? gateway4 : gateway6;
  }
};

// Throws cni::Error that names key, value and way out.
[[nodiscard]] Config parse_config(const cni::NetConf& conf);

}  // namespace linnet::sbr
