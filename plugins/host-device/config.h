// The configuration of host-device, checked. No kernel.
#pragma once

#include <optional>
#include <string>

#include "base/mac_address.h"
#include "libcni/request.h"
#include "plugins/attach/sysctls.h"

namespace linnet::host_device {

// Which device; the first that is given counts.
struct DeviceKeys {
  std::string device;                     // name on the host
  std::optional<MacAddress> hwaddr = {};  // Ethernet address
  std::string kernel_path;                // of its parent, below /sys
  std::string pci_id;
  std::string auxiliary_id;

  [[nodiscard]] bool empty() const {
    return device.empty() && !hwaddr && kernel_path.empty() && pci_id.empty() &&
           auxiliary_id.empty();
  }
};

struct Config {
  DeviceKeys keys;
  attach::SysctlConfig sysctls;
};

// Throws cni::Error that names key, value and way out. Only for STATUS no device need be named: it may be one
// that the runtime chooses.
[[nodiscard]] Config parse_config(const cni::Request& request, const cni::NetConf& conf);

// For DEL and GC, which go by marks: without what cannot be read, which is a warning.
[[nodiscard]] DeviceKeys parse_keys_leniently(const cni::NetConf& conf);

// The keys for a message: `device "eth1"`.
[[nodiscard]] std::string describe(const DeviceKeys& keys);

}  // namespace linnet::host_device
