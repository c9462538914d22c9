#include "plugins/vlan/config.h"

#include "libcni/error.h"

namespace linnet::vlan {

attach::ChildConfig parse_config(const cni::Request& /*request*/, const cni::NetConf& conf) {
  constexpr std::int64_t kLargestId = 4094;
  cni::ObjectReader reader(conf.json, "");
  const std::optional<std::int64_t> id = reader.integer("vlanId", 0, kLargestId);
  if (!id) {
    reader.fail("vlanId", "missing: which VLAN of the master, 0 to 4094?");
  }
  attach::ChildConfig config{.driver = netlink::TaggedVlan{.id = static_cast<std::uint16_t>(*id)},
                             .uplink = {}};
  attach::parse_child_keys(reader, conf, config);
  if (config.uplink.master.empty()) {
    reader.fail("master", "missing: name the interface whose VLAN it shall be");
  }
  return config;
}

}  // namespace linnet::vlan
