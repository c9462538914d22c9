// The configuration of the ptp plugin: JSON to values that are valid. No kernel.
#pragma once

#include <cstdint>

#include "libcni/request.h"
#include "plugins/attach/steering.h"
#include "plugins/attach/sysctls.h"

namespace linnet::ptp {

struct Config {
  bool ip_masq = false;
  std::uint32_t mtu = 0;  // bytes, 0: the kernel's default
  bool enable_dad = false;
  attach::SysctlConfig sysctls = {};
  attach::SteeringConfig steering = {};
};

// Throws cni::Error that names key, value and way out.
[[nodiscard]] Config parse_config(const cni::NetConf& conf);

}  // namespace linnet::ptp
