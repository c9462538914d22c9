#include "plugins/ptp/config.h"

#include "libcni/json.h"
#include "plugins/attach/rules.h"

namespace linnet::ptp {

namespace {

constexpr int kLargestMtu = 65535;

}  // namespace

Config parse_config(const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  Config config;
  config.ip_masq = attach::parse_masquerade(reader);
  config.mtu = static_cast<std::uint32_t>(reader.integer("mtu", 0, kLargestMtu).value_or(0));
  config.enable_dad = reader.boolean("enabledad").value_or(false);
  config.sysctls = attach::parse_sysctls(conf);
  config.steering = attach::parse_steering(reader);
  if (conf.ipam_type.empty()) {
    reader.fail("ipam", "missing: a routed container needs an address, name an IPAM plugin");
  }
  return config;
}

}  // namespace linnet::ptp
