// The configuration of portmap, checked. No kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/request.h"
#include "plugins/meta/portmap/conditions.h"

namespace linnet::portmap {

struct PortMapping {
  std::uint16_t host_port = 0;       // 1..65535; the first one of a range
  std::uint16_t container_port = 0;  // of the first one
  std::uint16_t count = 1;           // ports, none of them past 65535
  std::uint8_t protocol = 0;         // IPPROTO_TCP, _UDP, _SCTP
  // Absent: every local address of both families; unspecified: every one of that family.
  std::optional<IpAddress> host_ip = {};
};

struct Config {
  std::vector<PortMapping> mappings;
  bool snat = true;
  bool masquerade_all = false;  // only together with snat
  unsigned mark_bit = 13;       // 0..31
  Conditions conditions_v4;
  Conditions conditions_v6;

  [[nodiscard]] const Conditions& conditions(Family family) const {
    return family == Family::kIpv4 ? conditions_v4 : conditions_v6;
  }
};

// "tcp", "udp", "sctp".
[[nodiscard]] std::string_view protocol_name(std::uint8_t protocol);

// Throws cni::Error(kInvalidNetworkConfig) that names key, value and way out. `warnings` gets a sentence for
// each unknown key of a mapping.
[[nodiscard]] Config parse_config(const cni::NetConf& conf, std::vector<std::string>& warnings);

// For DEL, which must work whatever the configuration holds: what cannot be read is left out.
[[nodiscard]] Config parse_config_leniently(const cni::NetConf& conf);

}  // namespace linnet::portmap
