// The configuration of vrf, checked. No kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libcni/request.h"

namespace linnet::vrf {

struct Config {
  std::string name;
  std::uint32_t table = 0;  // 0: the VRF's own, or the first free one for a new VRF
};

// Throws cni::Error that names key, value and way out.
[[nodiscard]] Config parse_config(const cni::NetConf& conf);

// The lowest table that is neither in `taken` nor the kernel's.
[[nodiscard]] std::uint32_t free_table(const std::vector<std::uint32_t>& taken);

}  // namespace linnet::vrf
