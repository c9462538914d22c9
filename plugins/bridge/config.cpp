#include "plugins/bridge/config.h"

#include <algorithm>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/mac_request.h"
#include "plugins/attach/rules.h"

namespace linnet::bridge {

namespace {

constexpr std::int64_t kLargestVlan = 4094;
// The kernel's own bounds for Ethernet links: IPv4 needs 68 bytes, and a length has 16 bits.
constexpr std::int64_t kLargestMtu = 65535;

std::string parse_bridge_name(cni::ObjectReader& reader) {
  std::string name = reader.text("bridge").value_or("");
  if (name.empty()) {
    return Config{}.bridge;
  }
  if (const std::string problem = cni::problem_with_ifname(name); !problem.empty()) {
    reader.fail("bridge", problem);
  }
  return name;
}

netlink::Vlan parse_trunk_entry(const cni::Json& entry, std::string path) {
  cni::ObjectReader reader(entry, std::move(path));
  const std::optional<std::int64_t> id = reader.integer("id", 0, kLargestVlan);
  const std::optional<std::int64_t> first = reader.integer("minID", 0, kLargestVlan);
  const std::optional<std::int64_t> last = reader.integer("maxID", 0, kLargestVlan);
  if (first.has_value() != last.has_value()) {
    reader.fail(first ? "maxID" : "minID", "missing: minID and maxID are given together");
  }
  if (id.has_value() == first.has_value()) {
    reader.fail("id", "give either id, or minID and maxID");
  }
  const std::int64_t from = id ? *id : *first;
  const std::int64_t to = id ? *id : *last;
  if (from < 1 || from > to) {
    reader.fail(id ? "id" : "minID",
                concat(from, " is not a VLAN between 1 and ", id ? kLargestVlan : to));
  }
  return {.first = static_cast<std::uint16_t>(from), .last = static_cast<std::uint16_t>(to)};
}

// Sorted and merged, so that every VLAN is in one entry.
std::vector<netlink::Vlan> parse_trunk(cni::ObjectReader& reader) {
  std::vector<netlink::Vlan> entries;
  if (const cni::Json* list = reader.array("vlanTrunk")) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      entries.push_back(parse_trunk_entry((*list)[i], concat("vlanTrunk[", i, "]")));
    }
  }
  std::ranges::sort(entries, {}, &netlink::Vlan::first);
  std::vector<netlink::Vlan> merged;
  for (const netlink::Vlan& entry : entries) {
    if (!merged.empty() && entry.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, entry.last);
    } else {
      merged.push_back(entry);
    }
  }
  return merged;
}

void check_combinations(const Config& config, const cni::ObjectReader& reader,
                        const cni::NetConf& conf) {
  if (config.hairpin && config.promiscuous) {
    reader.fail(
        "promiscMode",
        "cannot set hairpin mode and promiscuous mode at the same time: in promiscuous mode "
        "the bridge itself returns the frames, remove hairpinMode");
  }
  if (config.leave_container_interface_down && !config.ipam_type.empty()) {
    reader.fail(
        "disableContainerInterface",
        "cannot use IPAM when DisableContainerInterface flag is set: an interface that stays "
        "down gets no addresses, remove \"ipam\"");
  }
  if (config.ipam_type.empty() && !cni::can_show_layer2(conf.cni_version)) {
    reader.fail("cniVersion", concat(linnet::quoted(conf.cni_version),
                                     " has no result without an address: add \"ipam\", or use "
                                     "cniVersion 0.3.0 or newer"));
  }
  const bool vlan_in_trunk = std::ranges::any_of(config.trunk, [&](const netlink::Vlan& entry) {
    return entry.first <= config.vlan && config.vlan <= entry.last;
  });
  if (config.vlan != 0 && vlan_in_trunk) {
    reader.fail("vlanTrunk",
                concat("holds VLAN ", config.vlan,
                       ", which \"vlan\" makes the untagged VLAN of the port: remove it "
                       "from one of them"));
  }
}

}  // namespace

Config parse_config(const cni::Request& request, const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  Config config;
  config.bridge = parse_bridge_name(reader);
  config.is_default_gateway = reader.boolean("isDefaultGateway").value_or(false);
  config.is_gateway = reader.boolean("isGateway").value_or(false) || config.is_default_gateway;
  config.force_address = reader.boolean("forceAddress").value_or(false);
  config.ip_masq = attach::parse_masquerade(reader);
  config.mtu = static_cast<std::uint32_t>(reader.integer("mtu", 0, kLargestMtu).value_or(0));
  config.hairpin = reader.boolean("hairpinMode").value_or(false);
  config.promiscuous = reader.boolean("promiscMode").value_or(false);
  config.vlan = static_cast<std::uint16_t>(reader.integer("vlan", 0, kLargestVlan).value_or(0));
  config.trunk = parse_trunk(reader);
  config.preserve_default_vlan = reader.boolean("preserveDefaultVlan").value_or(false);
  config.mac_spoof_check = reader.boolean("macspoofchk").value_or(false);
  config.enable_dad = reader.boolean("enabledad").value_or(false);
  config.leave_container_interface_down =
      reader.boolean("disableContainerInterface").value_or(false);
  config.port_isolation = reader.boolean("portIsolation").value_or(false);
  config.sysctls = attach::parse_sysctls(conf);
  config.steering = attach::parse_steering(reader);
  config.ipam_type = conf.ipam_type;
  config.mac = attach::requested_mac(request, conf);
  check_combinations(config, reader, conf);
  if (config.vlan != 0 && config.is_gateway) {
    static_cast<void>(vlan_gateway_name(config));
  }
  return config;
}

std::vector<netlink::Vlan> plan_vlans(const Config& config) {
  std::vector<netlink::Vlan> vlans;
  if (config.vlan != 0) {
    vlans.push_back({.first = config.vlan, .last = config.vlan, .pvid = true, .untagged = true});
  } else if (!config.trunk.empty() && config.trunk.front().first > 1) {
    // A trunk without an access VLAN has VLAN 1 untagged, as with the reference.
    vlans.push_back({.first = 1, .last = 1, .pvid = true, .untagged = true});
  }
  vlans.insert(vlans.end(), config.trunk.begin(), config.trunk.end());
  return vlans;
}

std::string vlan_gateway_name(const Config& config) {
  std::string name = concat(config.bridge, '.', config.vlan);
  if (!cni::problem_with_ifname(name).empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"bridge\": ", linnet::quoted(config.bridge), " with \"vlan\": ",
                            config.vlan, " needs a gateway interface named ", linnet::quoted(name),
                            ", which is longer than 15 bytes: shorten the bridge's name"));
  }
  return name;
}

}  // namespace linnet::bridge
