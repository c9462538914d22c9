#include "plugins/meta/sbr/config.h"

#include <linux/rtnetlink.h>

#include <limits>

#include "base/text.h"

namespace linnet::sbr {

namespace {

void read_gateways(cni::ObjectReader& reader, Config& config) {
  for (const std::string& text :
       reader.text_list("gateways").value_or(std::vector<std::string>{})) {
    const std::optional<IpAddress> gateway = IpAddress::parse(text);
    if (!gateway || gateway->is_unspecified() || gateway->is_multicast()) {
      reader.fail("gateways", concat(linnet::quoted(text), " is no address of a gateway"));
    }
    std::optional<IpAddress>& place = gateway->is_ipv4() ? config.gateway4 : config.gateway6;
    if (place) {
      reader.fail("gateways", concat(place->text(), " and ", gateway->text(),
                                     ": there can be one of each family"));
    }
    place = gateway;
  }
}

}  // namespace

Config parse_config(const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  Config config;
  config.table = static_cast<std::uint32_t>(
      reader.integer("table", 0, std::numeric_limits<std::uint32_t>::max()).value_or(0));
  if (config.table == RT_TABLE_LOCAL) {
    reader.fail("table", "255 is the kernel's table of local addresses: choose another");
  }
  read_gateways(reader, config);
  config.source_hints = reader.boolean("addSourceHints").value_or(false);
  return config;
}

}  // namespace linnet::sbr
