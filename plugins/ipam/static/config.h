// The configuration of static, checked. No I/O.
#pragma once

#include <string_view>
#include <vector>

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::static_ipam {

struct Config {
  std::vector<cni::IpConfig> addresses;  // may be empty
  std::vector<cni::Route> routes;
  cni::Dns dns;
};

// Addresses: those of runtimeConfig.ips, else of args.cni.ips, else "ipam.addresses" followed by IP of
// CNI_ARGS. GATEWAY of CNI_ARGS, else the configured gateway of the same address. Throws cni::Error:
// kInvalidNetworkConfig that names the key and its value, kInvalidEnvironment for CNI_ARGS.
[[nodiscard]] Config parse_config(const cni::NetConf& conf, std::string_view cni_args);

}  // namespace linnet::static_ipam
