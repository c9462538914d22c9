#include "libcni/plugin_keys.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace linnet::cni {

namespace {

using Keys = std::span<const std::string_view>;

constexpr std::array<std::string_view, 9> kEveryPlugin = {"cniVersion",   "name",          "type",
                                                          "capabilities", "runtimeConfig", "args",
                                                          "prevResult",   "ipam",          "dns"};

constexpr std::array<std::string_view, 22> kBridge = {"bridge",
                                                      "isGateway",
                                                      "isDefaultGateway",
                                                      "forceAddress",
                                                      "ipMasq",
                                                      "ipMasqBackend",
                                                      "mtu",
                                                      "hairpinMode",
                                                      "promiscMode",
                                                      "vlan",
                                                      "vlanTrunk",
                                                      "preserveDefaultVlan",
                                                      "macspoofchk",
                                                      "enabledad",
                                                      "disableContainerInterface",
                                                      "portIsolation",
                                                      "sysctl",
                                                      "sysctlInherit",
                                                      "sysctlProfile",
                                                      "rps",
                                                      "rpsContainer",
                                                      "rpsSockFlowEntries"};
constexpr std::array<std::string_view, 10> kPtp = {
    "ipMasq",        "ipMasqBackend", "mtu", "enabledad",    "sysctl",
    "sysctlInherit", "sysctlProfile", "rps", "rpsContainer", "rpsSockFlowEntries"};
constexpr std::array<std::string_view, 12> kMacvlan = {
    "master",     "mode",      "mtu",        "mac",    "linkInContainer", "bcqueuelen",
    "sourceMacs", "enabledad", "hostAccess", "sysctl", "sysctlInherit",   "sysctlProfile"};
constexpr std::array<std::string_view, 10> kIpvlan = {
    "master",    "mode",       "flag",   "mtu",           "linkInContainer",
    "enabledad", "hostAccess", "sysctl", "sysctlInherit", "sysctlProfile"};
constexpr std::array<std::string_view, 8> kVlan = {"master",          "vlanId",       "mtu",
                                                   "linkInContainer", "enabledad",    "sysctl",
                                                   "sysctlInherit",   "sysctlProfile"};
constexpr std::array<std::string_view, 7> kHostDevice = {
    "device", "hwaddr", "kernelpath", "pciBusID", "sysctl", "sysctlInherit", "sysctlProfile"};
constexpr std::array<std::string_view, 3> kDummy = {"sysctl", "sysctlInherit", "sysctlProfile"};
constexpr std::array<std::string_view, 10> kTap = {
    "multiQueue",     "mtu",    "mac",    "owner",         "group",
    "selinuxContext", "bridge", "sysctl", "sysctlInherit", "sysctlProfile"};
constexpr std::array<std::string_view, 2> kVrf = {"vrfname", "table"};
constexpr std::array<std::string_view, 3> kSbr = {"table", "gateways", "addSourceHints"};
constexpr std::array<std::string_view, 9> kTuning = {"sysctl",   "sysctlInherit", "sysctlProfile",
                                                     "mac",      "promisc",       "mtu",
                                                     "allmulti", "txQLen",        "dataDir"};
constexpr std::array<std::string_view, 7> kPortmap = {
    "backend",      "snat",        "masqAll", "markMasqBit", "externalSetMarkChain",
    "conditionsV4", "conditionsV6"};
constexpr std::array<std::string_view, 4> kFirewall = {"backend", "iptablesAdminChainName",
                                                       "firewalldZone", "ingressPolicy"};
constexpr std::array<std::string_view, 4> kBandwidth = {"ingressRate", "ingressBurst", "egressRate",
                                                        "egressBurst"};
constexpr std::array<std::string_view, 9> kHostLocal = {"subnet",     "rangeStart", "rangeEnd",
                                                        "gateway",    "ranges",     "routes",
                                                        "resolvConf", "dataDir",    "exclude"};
constexpr std::array<std::string_view, 3> kStatic = {"addresses", "routes", "dns"};
constexpr std::array<std::string_view, 4> kDhcp = {"daemonSocketPath", "provide", "request",
                                                   "priority"};

struct PluginKeys {
  std::string_view type;
  Keys keys;
};

const std::array<PluginKeys, 15> kPlugins = {{
    {"bridge", kBridge},
    {"ptp", kPtp},
    {"macvlan", kMacvlan},
    {"ipvlan", kIpvlan},
    {"vlan", kVlan},
    {"host-device", kHostDevice},
    {"loopback", {}},
    {"dummy", kDummy},
    {"tap", kTap},
    {"vrf", kVrf},
    {"sbr", kSbr},
    {"tuning", kTuning},
    {"portmap", kPortmap},
    {"firewall", kFirewall},
    {"bandwidth", kBandwidth},
}};

const std::array<PluginKeys, 3> kIpamPlugins = {{
    {"host-local", kHostLocal},
    {"static", kStatic},
    {"dhcp", kDhcp},
}};

// Null when the type is in neither table, which is not the same as having no keys of its own.
const PluginKeys* find_plugin_keys(std::span<const PluginKeys> table, std::string_view type) {
  const auto plugin = std::ranges::find(table, type, &PluginKeys::type);
  return plugin == table.end() ? nullptr : &*plugin;
}

std::string type_of(const Json& object) {
  const Json* type = find_key(object, "type");
  return type != nullptr && type->is_string() ? type->get<std::string>() : std::string();
}

void append_warnings(std::vector<std::string>& warnings, const Json& object, std::string path,
                     const PluginKeys* plugin, Keys common) {
  if (plugin == nullptr || !object.is_object()) {
    return;
  }
  std::vector<std::string_view> known(common.begin(), common.end());
  known.insert(known.end(), plugin->keys.begin(), plugin->keys.end());
  for (std::string& sentence : ObjectReader(object, std::move(path)).unknown_keys(known)) {
    warnings.push_back(std::move(sentence));
  }
}

}  // namespace

std::span<const std::string_view> known_keys(std::string_view type) {
  const PluginKeys* plugin = find_plugin_keys(kPlugins, type);
  if (plugin == nullptr) {
    plugin = find_plugin_keys(kIpamPlugins, type);
  }
  return plugin == nullptr ? Keys() : plugin->keys;
}

std::vector<std::string> unknown_key_warnings(const Json& configuration) {
  std::vector<std::string> warnings;
  append_warnings(warnings, configuration, "", find_plugin_keys(kPlugins, type_of(configuration)),
                  kEveryPlugin);
  if (const Json* ipam = find_key(configuration, "ipam")) {
    constexpr std::array<std::string_view, 1> kEveryIpam = {"type"};
    append_warnings(warnings, *ipam, "ipam", find_plugin_keys(kIpamPlugins, type_of(*ipam)),
                    kEveryIpam);
  }
  return warnings;
}

}  // namespace linnet::cni
