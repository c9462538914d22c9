// The configuration of host-local, checked. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "libcni/request.h"
#include "libcni/result.h"
#include "plugins/ipam/host-local/folder.h"
#include "plugins/ipam/host-local/range.h"

namespace linnet::host_local {

struct Config {
  StoreLocation location;
  // One address each. In the order that numbers "last_reserved_ip.<n>": runtimeConfig.ipRanges, the
  // flat range, "ranges".
  std::vector<RangeSet> sets;
  std::vector<cni::Route> routes;
  std::string resolv_conf;           // empty: none
  std::vector<IpAddress> requested;  // of CNI_ARGS, args.cni and runtimeConfig, each once
};

// For ADD, CHECK and STATUS. Throws cni::Error: kInvalidNetworkConfig that names the key and its
// value, kInvalidEnvironment for CNI_ARGS.
[[nodiscard]] Config parse_config(const cni::NetConf& conf, std::string_view cni_args);

// For DEL and GC, which must work whatever the rest of the configuration holds: a dataDir that
// cannot be used is a warning, and the default is taken.
[[nodiscard]] StoreLocation parse_location_leniently(const cni::NetConf& conf);

}  // namespace linnet::host_local
