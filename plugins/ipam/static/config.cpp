#include "plugins/ipam/static/config.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "libcni/error.h"
#include "libcni/version.h"

namespace linnet::static_ipam {

namespace {

using cni::Code;
using cni::Json;
using cni::ObjectReader;

cni::IpConfig parse_entry(const Json& entry, std::string path) {
  ObjectReader reader(entry, std::move(path));
  const std::string text = reader.text("address").value_or("");
  const std::optional<Cidr> address = Cidr::parse(text);
  if (!address) {
    reader.fail("address", concat("the 'address' field is expected to be in CIDR notation, such as "
                                  "\"10.1.2.3/24\", got: ",
                                  linnet::quoted(text)));
  }
  cni::IpConfig ip{.interface = {}, .address = *address, .gateway = {}};
  const std::string gateway = reader.text("gateway").value_or("");
  if (!gateway.empty()) {
    ip.gateway = IpAddress::parse(gateway);
    if (!ip.gateway) {
      reader.fail("gateway", concat("expected an IP address, got ", linnet::quoted(gateway)));
    }
    if (ip.gateway->family() != address->family()) {
      reader.fail("gateway", concat(gateway, " is not of the family of ", text));
    }
  }
  return ip;
}

std::vector<cni::IpConfig> parse_configured(ObjectReader& ipam) {
  std::vector<cni::IpConfig> addresses;
  if (const Json* list = ipam.array("addresses")) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      addresses.push_back(parse_entry((*list)[i], concat("ipam.addresses[", i, "]")));
    }
  }
  return addresses;
}

// Absent when the object or its list is absent or empty.
std::vector<cni::IpConfig> parse_ips(const Json* object, const std::string& path) {
  std::vector<cni::IpConfig> addresses;
  if (object == nullptr) {
    return addresses;
  }
  ObjectReader reader(*object, path);
  for (const std::string& text : reader.text_list("ips").value_or(std::vector<std::string>())) {
    const std::optional<Cidr> address = Cidr::parse(text);
    if (!address) {
      reader.fail("ips", concat("an entry in the 'ips' field is NOT in CIDR notation, got: ",
                                linnet::quoted(text)));
    }
    addresses.push_back({.interface = {}, .address = *address, .gateway = {}});
  }
  return addresses;
}

std::vector<std::string> items_of(const std::string& list) {
  std::vector<std::string> items;
  for (const std::string& item : split(list, ',')) {
    items.emplace_back(trim(item));
  }
  return items;
}

void add_from_args(std::vector<cni::IpConfig>& addresses, const std::string& list) {
  for (const std::string& item : items_of(list)) {
    const std::optional<Cidr> address = Cidr::parse(item);
    if (!address) {
      throw cni::Error(Code::kInvalidEnvironment,
                       concat("CNI_ARGS: IP: the 'ip' field is expected to be in CIDR notation, "
                              "got: ",
                              linnet::quoted(item)));
    }
    addresses.push_back({.interface = {}, .address = *address, .gateway = {}});
  }
}

void set_gateways(std::vector<cni::IpConfig>& addresses, const std::string& list) {
  for (const std::string& item : items_of(list)) {
    const std::optional<IpAddress> gateway = IpAddress::parse(item);
    if (!gateway) {
      throw cni::Error(
          Code::kInvalidEnvironment,
          concat("CNI_ARGS: GATEWAY: expected an IP address, got ", linnet::quoted(item)));
    }
    for (cni::IpConfig& ip : addresses) {
      if (ip.address.contains(*gateway)) {
        ip.gateway = gateway;
      }
    }
  }
}

// What asks for an address by name keeps the gateway that the configuration has for that address.
void keep_gateways(std::vector<cni::IpConfig>& requested,
                   const std::vector<cni::IpConfig>& configured) {
  for (cni::IpConfig& ip : requested) {
    const auto same = std::ranges::find(configured, ip.address, &cni::IpConfig::address);
    if (same != configured.end()) {
      ip.gateway = same->gateway;
    }
  }
}

void require_one_per_family(const Config& config, std::string_view version) {
  const auto ipv4 = std::ranges::count_if(
      config.addresses, [](const cni::IpConfig& ip) { return ip.address.is_ipv4(); });
  const bool several = ipv4 > 1 || std::ssize(config.addresses) - ipv4 > 1;
  if (several && !cni::at_least(version, "0.3.0")) {
    throw cni::Error(Code::kInvalidNetworkConfig,
                     concat("CNI version ", version,
                            " does not support more than 1 address per family, but there are ",
                            config.addresses.size(), "; set \"cniVersion\" to 0.3.0 or later"));
  }
}

}  // namespace

Config parse_config(const cni::NetConf& conf, std::string_view cni_args) {
  const Json* const ipam = cni::find_key(conf.json, "ipam");
  if (ipam == nullptr) {
    throw cni::Error(Code::kInvalidNetworkConfig,
                     "IPAM config missing 'ipam' key; give \"ipam\": {\"type\": \"static\", "
                     "\"addresses\": [{\"address\": \"10.1.2.3/24\"}]}");
  }
  ObjectReader reader(*ipam, "ipam");
  Config config;
  config.addresses = parse_configured(reader);
  const std::vector<cni::IpConfig> configured = config.addresses;
  constexpr std::array<std::string_view, 2> kKnown = {"IP", "GATEWAY"};
  const std::map<std::string, std::string> arguments = cni::known_args(cni_args, kKnown);
  if (const auto ip = arguments.find("IP"); ip != arguments.end() && !ip->second.empty()) {
    add_from_args(config.addresses, ip->second);
  }
  const Json* const args = cni::find_key(conf.json, "args");
  const Json* const own = args != nullptr ? ObjectReader(*args, "args").object("cni") : nullptr;
  std::vector<cni::IpConfig> requested =
      parse_ips(cni::find_key(conf.json, "runtimeConfig"), "runtimeConfig");
  std::vector<cni::IpConfig> dynamic = parse_ips(own, "args.cni");
  if (requested.empty()) {
    requested = std::move(dynamic);
  }
  if (!requested.empty()) {
    keep_gateways(requested, configured);
    config.addresses = std::move(requested);
  }
  if (const auto gateway = arguments.find("GATEWAY");
      gateway != arguments.end() && !gateway->second.empty()) {
    set_gateways(config.addresses, gateway->second);
  }
  require_one_per_family(config, conf.cni_version);
  if (const Json* const routes = reader.array("routes")) {
    for (std::size_t i = 0; i < routes->size(); ++i) {
      config.routes.push_back(cni::parse_route((*routes)[i], concat("ipam.routes[", i, "]")));
    }
  }
  if (const Json* const dns = reader.object("dns")) {
    config.dns = cni::parse_dns(*dns, "ipam.dns");
  }
  return config;
}

}  // namespace linnet::static_ipam
