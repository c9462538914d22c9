// The configuration of tap, checked. No kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/mac_address.h"
#include "libcni/request.h"
#include "plugins/attach/sysctls.h"

namespace linnet::tap {

struct Config {
  bool multi_queue = false;
  std::uint32_t mtu = 0;                    // bytes, 0: the kernel's default
  std::optional<MacAddress> mac = {};       // absent: derived from the attachment
  std::optional<std::uint32_t> owner = {};  // user that may open the device; absent: any
  std::optional<std::uint32_t> group = {};
  std::string selinux_context;  // of the device; empty: this process's
  std::string bridge;           // in the container; empty: none
  attach::SysctlConfig sysctls;
};

// Throws cni::Error that names key, value and way out. `request` gives CNI_ARGS.
[[nodiscard]] Config parse_config(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::tap
