// The configuration of the bridge plugin: JSON to values that are valid. No kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mac_address.h"
#include "libcni/request.h"
#include "netlink/link.h"
#include "plugins/attach/steering.h"
#include "plugins/attach/sysctls.h"

namespace linnet::bridge {

struct Config {
  std::string bridge = "cni0";
  bool is_gateway = false;  // implied by is_default_gateway
  bool is_default_gateway = false;
  bool force_address = false;
  bool ip_masq = false;
  std::uint32_t mtu = 0;  // bytes, 0: the kernel's default
  bool hairpin = false;
  bool promiscuous = false;
  std::uint16_t vlan = 0;                 // 0: none
  std::vector<netlink::Vlan> trunk = {};  // ascending, disjoint
  bool preserve_default_vlan = false;
  bool mac_spoof_check = false;
  bool enable_dad = false;
  bool leave_container_interface_down = false;
  bool port_isolation = false;
  std::optional<MacAddress> mac = {};
  attach::SysctlConfig sysctls = {};
  attach::SteeringConfig steering = {};
  std::string ipam_type = {};  // empty: layer 2 only

  [[nodiscard]] bool uses_vlans() const { return vlan != 0 || !trunk.empty(); }
};

// Throws cni::Error that names key, value and way out. `request` gives CNI_ARGS.
[[nodiscard]] Config parse_config(const cni::Request& request, const cni::NetConf& conf);

// The VLANs that a new port gets: the access VLAN (untagged, PVID) and the trunk (tagged).
[[nodiscard]] std::vector<netlink::Vlan> plan_vlans(const Config& config);

// "<bridge>.<vlan>", the interface that carries the gateway address of a VLAN. Throws cni::Error when
// that is no possible interface name.
[[nodiscard]] std::string vlan_gateway_name(const Config& config);

}  // namespace linnet::bridge
