#include "libcni/result.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "libcni/error.h"
#include "libcni/version.h"

namespace linnet::cni {

namespace {

constexpr std::int64_t kMaxUint32 = std::numeric_limits<std::uint32_t>::max();

bool known(std::string_view version) {
  return std::ranges::find(kAllVersions, version) != kAllVersions.end();
}

void require_known(std::string_view version, std::string_view what) {
  if (known(version)) {
    return;
  }
  const std::vector<std::string> versions(kAllVersions.begin(), kAllVersions.end());
  throw Error(Code::kIncompatibleVersion, "incompatible CNI versions",
              concat(what, ": unknown version ", linnet::quoted(version, 80), ", known are ",
                     join(versions, ", ")));
}

bool has_ip4_and_ip6(std::string_view version) { return compare_versions(version, "0.3.0") < 0; }
bool has_address_family(std::string_view version) { return compare_versions(version, "1.0.0") < 0; }
bool has_link_details(std::string_view version) { return at_least(version, "1.1.0"); }

std::uint32_t read_uint32(ObjectReader& reader, std::string_view key) {
  return static_cast<std::uint32_t>(reader.integer(key, 0, kMaxUint32).value_or(0));
}

// Go writes an absent address as an empty text in some versions.
std::optional<IpAddress> read_address(ObjectReader& reader, std::string_view key) {
  const std::string text = reader.text(key).value_or("");
  if (text.empty()) {
    return std::nullopt;
  }
  const std::optional<IpAddress> address = IpAddress::parse(text);
  if (!address) {
    reader.fail(key, concat("expected an IP address, got ", linnet::quoted(text, 80)));
  }
  return address;
}

Cidr read_cidr(ObjectReader& reader, std::string_view key) {
  const std::optional<std::string> text = reader.text(key);
  const std::optional<Cidr> cidr = text ? Cidr::parse(*text) : std::nullopt;
  if (!cidr) {
    reader.fail(
        key, concat("expected ADDRESS/PREFIX, got ", text ? linnet::quoted(*text, 80) : "nothing"));
  }
  return *cidr;
}

Dns read_dns(const Json& json, std::string path, Code code) {
  ObjectReader reader(json, std::move(path), code);
  Dns dns;
  dns.nameservers = reader.text_list("nameservers").value_or(std::vector<std::string>{});
  dns.domain = reader.text("domain").value_or("");
  dns.search = reader.text_list("search").value_or(std::vector<std::string>{});
  dns.options = reader.text_list("options").value_or(std::vector<std::string>{});
  return dns;
}

Route read_route(const Json& json, std::string path, Code code) {
  ObjectReader reader(json, std::move(path), code);
  Route route;
  route.dst = read_cidr(reader, "dst");
  route.gw = read_address(reader, "gw");
  route.mtu = read_uint32(reader, "mtu");
  route.advmss = read_uint32(reader, "advmss");
  route.priority = read_uint32(reader, "priority");
  if (const auto table = reader.integer("table", 0, kMaxUint32)) {
    route.table = static_cast<std::uint32_t>(*table);
  }
  if (const auto scope = reader.integer("scope", 0, 255)) {
    route.scope = static_cast<std::uint8_t>(*scope);
  }
  return route;
}

Interface read_interface(const Json& json, std::string path) {
  ObjectReader reader(json, std::move(path), Code::kDecodingFailure);
  Interface interface;
  interface.name = reader.text("name").value_or("");
  interface.mac = reader.text("mac").value_or("");
  interface.mtu = read_uint32(reader, "mtu");
  interface.sandbox = reader.text("sandbox").value_or("");
  interface.socket_path = reader.text("socketPath").value_or("");
  interface.pci_id = reader.text("pciID").value_or("");
  return interface;
}

IpConfig read_ip(const Json& json, std::string path, std::size_t interfaces) {
  ObjectReader reader(json, std::move(path), Code::kDecodingFailure);
  IpConfig ip;
  ip.address = read_cidr(reader, "address");
  ip.gateway = read_address(reader, "gateway");
  const auto index = reader.integer("interface", 0, kMaxUint32);
  // Some IPAM plugins send an index, yet an abbreviated result has no interfaces it could mean.
  if (index && interfaces > 0) {
    ip.interface = static_cast<std::size_t>(*index);
    if (*ip.interface >= interfaces) {
      reader.fail("interface", concat("index ", *index, " outside \"interfaces\", which has ",
                                      interfaces, " entries"));
    }
  }
  return ip;
}

// Calls `read` with each element of the list `key` and its path.
template <typename Read>
void for_each_element(ObjectReader& reader, std::string_view key, Read read) {
  const Json* list = reader.array(key);
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    read((*list)[i], concat(reader.name_of(key), '[', i, ']'));
  }
}

void read_routes(ObjectReader& reader, std::vector<Route>& routes) {
  for_each_element(reader, "routes", [&](const Json& element, std::string path) {
    routes.push_back(read_route(element, std::move(path), Code::kDecodingFailure));
  });
}

void read_ip4_or_ip6(ObjectReader& reader, std::string_view key, Result& result) {
  const Json* object = reader.object(key);
  if (object == nullptr) {
    return;
  }
  ObjectReader family(*object, reader.name_of(key), Code::kDecodingFailure);
  IpConfig ip;
  ip.address = read_cidr(family, "ip");
  ip.gateway = read_address(family, "gateway");
  result.ips.push_back(ip);
  read_routes(family, result.routes);
}

void read_current(ObjectReader& reader, Result& result) {
  for_each_element(reader, "interfaces", [&](const Json& element, std::string path) {
    result.interfaces.push_back(read_interface(element, std::move(path)));
  });
  for_each_element(reader, "ips", [&](const Json& element, std::string path) {
    result.ips.push_back(read_ip(element, std::move(path), result.interfaces.size()));
  });
  read_routes(reader, result.routes);
}

void put_text(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) {
    json[key] = text;
  }
}

void put_number(Json& json, const char* key, std::uint32_t number) {
  if (number != 0) {
    json[key] = number;
  }
}

Json dns_json(const Dns& dns) {
  Json json = Json::object();
  put_text(json, "domain", dns.domain);
  for (const auto& [key, list] : {std::pair{"nameservers", &dns.nameservers},
                                  {"search", &dns.search},
                                  {"options", &dns.options}}) {
    if (!list->empty()) {
      json[key] = *list;
    }
  }
  return json;
}

Json route_json(const Route& route, std::string_view version) {
  Json json = {{"dst", route.dst.text()}};
  if (route.gw) {
    json["gw"] = route.gw->text();
  }
  if (!has_link_details(version)) {
    return json;
  }
  put_number(json, "mtu", route.mtu);
  put_number(json, "advmss", route.advmss);
  put_number(json, "priority", route.priority);
  if (route.table) {
    json["table"] = *route.table;
  }
  if (route.scope) {
    json["scope"] = *route.scope;
  }
  return json;
}

Json interface_json(const Interface& interface, std::string_view version) {
  Json json = {{"name", interface.name}};
  put_text(json, "mac", interface.mac);
  put_text(json, "sandbox", interface.sandbox);
  if (has_link_details(version)) {
    put_number(json, "mtu", interface.mtu);
    put_text(json, "socketPath", interface.socket_path);
    put_text(json, "pciID", interface.pci_id);
  }
  return json;
}

Json ip_json(const IpConfig& ip, std::string_view version) {
  Json json = {{"address", ip.address.text()}};
  if (has_address_family(version)) {
    json["version"] = ip.address.is_ipv4() ? "4" : "6";
  }
  if (ip.interface) {
    json["interface"] = *ip.interface;
  }
  if (ip.gateway) {
    json["gateway"] = ip.gateway->text();
  }
  return json;
}

// The "ip4" or "ip6" of 0.1.0 and 0.2.0, which has room for one address.
Json family_json(const Result& result, Family family, std::string_view version) {
  const auto ip = std::ranges::find(result.ips, family,
                                    [](const IpConfig& entry) { return entry.address.family(); });
  if (ip == result.ips.end()) {
    return nullptr;
  }
  Json json = {{"ip", ip->address.text()}};
  if (ip->gateway) {
    json["gateway"] = ip->gateway->text();
  }
  for (const Route& route : result.routes) {
    if (route.dst.family() == family) {
      json["routes"].push_back(route_json(route, version));
    }
  }
  return json;
}

void put_ip4_and_ip6(Json& json, const Result& result, std::string_view version) {
  if (result.ips.empty()) {
    throw Error(Code::kInternal, "cannot convert: no valid IP addresses",
                concat("a result of version ", version,
                       " needs an address; set \"cniVersion\" to 0.3.0 or newer"));
  }
  for (const auto& [key, family] : {std::pair{"ip4", Family::kIpv4}, {"ip6", Family::kIpv6}}) {
    if (Json entry = family_json(result, family, version); !entry.is_null()) {
      json[key] = std::move(entry);
    }
  }
}

void put_current(Json& json, const Result& result, std::string_view version) {
  for (const Interface& interface : result.interfaces) {
    json["interfaces"].push_back(interface_json(interface, version));
  }
  for (const IpConfig& ip : result.ips) {
    json["ips"].push_back(ip_json(ip, version));
  }
  for (const Route& route : result.routes) {
    json["routes"].push_back(route_json(route, version));
  }
}

int result_family(std::string_view version) {
  return has_ip4_and_ip6(version) ? 0 : has_address_family(version) ? 1 : 2;
}

}  // namespace

Result parse_result(const Json& json, std::string_view default_version, std::string_view what) {
  Result result;
  if (json.is_null()) {
    return result;
  }
  ObjectReader reader(json, std::string(what), Code::kDecodingFailure);
  std::string version = reader.text("cniVersion").value_or("");
  if (version.empty()) {
    version = default_version;
  }
  require_known(version, what);
  if (has_ip4_and_ip6(version)) {
    read_ip4_or_ip6(reader, "ip4", result);
    read_ip4_or_ip6(reader, "ip6", result);
  } else {
    read_current(reader, result);
  }
  if (const Json* dns = reader.object("dns")) {
    result.dns = read_dns(*dns, reader.name_of("dns"), Code::kDecodingFailure);
  }
  return result;
}

Json to_json(const Result& result, std::string_view version) {
  require_known(version, "result");
  Json json = {{"cniVersion", version}};
  if (has_ip4_and_ip6(version)) {
    put_ip4_and_ip6(json, result, version);
  } else {
    put_current(json, result, version);
  }
  if (!result.dns.empty() || has_address_family(version)) {
    json["dns"] = dns_json(result.dns);
  }
  return json;
}

bool can_show_layer2(std::string_view version) { return !has_ip4_and_ip6(version); }

bool same_result_family(std::string_view a, std::string_view b) {
  return result_family(a) == result_family(b);
}

Dns parse_dns(const Json& json, std::string path) {
  return read_dns(json, std::move(path), Code::kInvalidNetworkConfig);
}

Route parse_route(const Json& json, std::string path) {
  return read_route(json, std::move(path), Code::kInvalidNetworkConfig);
}

}  // namespace linnet::cni
