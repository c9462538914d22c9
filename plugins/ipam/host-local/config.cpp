#include "plugins/ipam/host-local/config.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/json.h"
#include "libcni/version.h"

namespace linnet::host_local {

namespace {

using cni::Json;
using cni::ObjectReader;

std::string problem_with_data_dir(std::string_view path) {
  if (!path.starts_with('/')) {
    return concat(linnet::quoted(path), " is not an absolute path");
  }
  for (const std::string& part : split(path, '/')) {
    if (part == "..") {
      return concat(linnet::quoted(path), " holds \"..\", name the folder itself");
    }
  }
  if (path.find('\0') != std::string_view::npos) {
    return concat(linnet::quoted(path), " holds a zero byte");
  }
  return {};
}

std::optional<IpAddress> parse_address_key(ObjectReader& reader, std::string_view key) {
  const std::optional<std::string> text = reader.text(key);
  if (!text || text->empty()) {
    return std::nullopt;
  }
  const std::optional<IpAddress> address = IpAddress::parse(*text);
  if (!address) {
    reader.fail(key, concat("expected an IP address, got ", linnet::quoted(*text)));
  }
  return address;
}

// "10.1.0.7" or "10.1.0.0/28".
std::vector<Cidr> parse_exclude(ObjectReader& reader) {
  std::vector<Cidr> excluded;
  for (const std::string& text : reader.text_list("exclude").value_or(std::vector<std::string>())) {
    const std::optional<Cidr> network = Cidr::parse(text);
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (!network && !address) {
      reader.fail("exclude",
                  concat("expected an address or ADDRESS/LENGTH, got ", linnet::quoted(text)));
    }
    excluded.push_back(network ? network->network() : Cidr::host(*address));
  }
  return excluded;
}

// One range object; the flat range is the "ipam" object itself.
Range parse_range(ObjectReader reader, const std::string& path, std::span<const Cidr> exclude) {
  const std::optional<std::string> subnet = reader.text("subnet");
  if (!subnet) {
    reader.fail("subnet", "missing, give the range's network, for example \"10.1.0.0/24\"");
  }
  const std::optional<Cidr> network = Cidr::parse(*subnet);
  if (!network) {
    reader.fail("subnet", concat("expected ADDRESS/LENGTH, got ", linnet::quoted(*subnet)));
  }
  RangeInput input;
  input.path = path;
  input.subnet = *network;
  input.start = parse_address_key(reader, "rangeStart");
  input.end = parse_address_key(reader, "rangeEnd");
  input.gateway = parse_address_key(reader, "gateway");
  input.exclude = parse_exclude(reader);
  input.exclude.insert(input.exclude.end(), exclude.begin(), exclude.end());
  return Range(input);
}

// A list of range sets: [[{subnet, …}, …], …].
void parse_sets(const Json& list, const std::string& path, std::span<const Cidr> exclude,
                std::vector<RangeSet>& sets) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string set_path = concat(path, "[", i, "]");
    if (!list[i].is_array()) {
      throw cni::Error(cni::Code::kInvalidNetworkConfig,
                       concat("\"", set_path, "\": expected a list of ranges, got ",
                              linnet::quoted(cni::dump(list[i]))));
    }
    std::vector<Range> ranges;
    for (std::size_t k = 0; k < list[i].size(); ++k) {
      const std::string range_path = concat(set_path, "[", k, "]");
      ranges.push_back(parse_range(ObjectReader(list[i][k], range_path), range_path, exclude));
    }
    sets.emplace_back(std::move(ranges), set_path);
  }
}

void check_sets(const std::vector<RangeSet>& sets, std::string_view version) {
  using enum cni::Code;
  if (sets.empty()) {
    throw cni::Error(kInvalidNetworkConfig,
                     "\"ipam\": no IP ranges specified, give \"subnet\" or \"ranges\"");
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (sets[i].overlaps(sets[k])) {
        throw cni::Error(kInvalidNetworkConfig,
                         concat("range set ", k, " overlaps with ", i, " (", sets[k].text(),
                                " and ", sets[i].text(), ")"));
      }
    }
  }
  const auto ipv4 = std::ranges::count(sets, Family::kIpv4, &RangeSet::family);
  const bool several = ipv4 > 1 || static_cast<std::ptrdiff_t>(sets.size()) - ipv4 > 1;
  if (several && !cni::at_least(version, "0.3.0")) {
    throw cni::Error(kInvalidNetworkConfig,
                     concat("CNI version ", version,
                            " does not support more than 1 address per family, but there are ",
                            sets.size(), " range sets; set \"cniVersion\" to 0.3.0 or later"));
  }
}

void add_requested(std::vector<IpAddress>& requested, std::string_view text, cni::Code code,
                   std::string_view source) {
  const std::optional<Cidr> with_prefix = Cidr::parse(text);
  const std::optional<IpAddress> address =
      with_prefix ? std::optional(with_prefix->address()) : IpAddress::parse(text);
  if (!address) {
    throw cni::Error(code, concat(source, ": expected an IP address, got ", linnet::quoted(text)));
  }
  if (std::ranges::find(requested, *address) == requested.end()) {
    requested.push_back(*address);
  }
}

void add_requested_list(std::vector<IpAddress>& requested, ObjectReader reader) {
  const std::string source = concat("\"", reader.name_of("ips"), "\"");
  for (const std::string& text : reader.text_list("ips").value_or(std::vector<std::string>())) {
    add_requested(requested, text, cni::Code::kInvalidNetworkConfig, source);
  }
}

std::vector<IpAddress> parse_requested(const Json& json, std::string_view cni_args) {
  constexpr std::array<std::string_view, 1> kKnown = {"IP"};
  std::vector<IpAddress> requested;
  for (const auto& [key, value] : cni::known_args(cni_args, kKnown)) {
    if (!value.empty()) {
      add_requested(requested, value, cni::Code::kInvalidEnvironment, "CNI_ARGS: IP");
    }
  }
  if (const Json* const args = cni::find_key(json, "args")) {
    if (const Json* const own = ObjectReader(*args, "args").object("cni")) {
      add_requested_list(requested, ObjectReader(*own, "args.cni"));
    }
  }
  if (const Json* const runtime = cni::find_key(json, "runtimeConfig")) {
    add_requested_list(requested, ObjectReader(*runtime, "runtimeConfig"));
  }
  return requested;
}

void warn_of_flat_keys_without_subnet(ObjectReader& ipam) {
  for (const std::string_view key : {"rangeStart", "rangeEnd", "gateway"}) {
    if (ipam.any(key) != nullptr) {
      log_warning(concat("\"ipam.", key, "\" has no effect without \"ipam.subnet\""));
    }
  }
}

std::vector<RangeSet> parse_all_sets(const Json& json, const Json& ipam, ObjectReader& reader) {
  const std::vector<Cidr> exclude = parse_exclude(reader);
  std::vector<RangeSet> sets;
  if (const Json* const runtime = cni::find_key(json, "runtimeConfig")) {
    if (const Json* const list = ObjectReader(*runtime, "runtimeConfig").array("ipRanges")) {
      parse_sets(*list, "runtimeConfig.ipRanges", exclude, sets);
    }
  }
  if (reader.any("subnet") != nullptr) {
    sets.emplace_back(std::vector{parse_range(ObjectReader(ipam, "ipam"), "ipam", {})}, "ipam");
  } else {
    warn_of_flat_keys_without_subnet(reader);
  }
  if (const Json* const list = reader.array("ranges")) {
    parse_sets(*list, "ipam.ranges", exclude, sets);
  }
  return sets;
}

std::string parse_data_dir(ObjectReader& reader) {
  const std::optional<std::string> path = reader.text("dataDir");
  if (!path || path->empty()) {
    return std::string(kDefaultDataDir);
  }
  if (const std::string problem = problem_with_data_dir(*path); !problem.empty()) {
    reader.fail("dataDir", problem);
  }
  return *path;
}

}  // namespace

Config parse_config(const cni::NetConf& conf, std::string_view cni_args) {
  const Json* const ipam = cni::find_key(conf.json, "ipam");
  if (ipam == nullptr) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "IPAM config missing 'ipam' key; give \"ipam\": {\"type\": \"host-local\", "
                     "\"subnet\": \"10.1.0.0/24\"}");
  }
  ObjectReader reader(*ipam, "ipam");
  Config config;
  config.location = {parse_data_dir(reader), conf.name};
  config.sets = parse_all_sets(conf.json, *ipam, reader);
  check_sets(config.sets, conf.cni_version);
  config.requested = parse_requested(conf.json, cni_args);
  config.resolv_conf = reader.text("resolvConf").value_or("");
  if (const Json* const routes = reader.array("routes")) {
    for (std::size_t i = 0; i < routes->size(); ++i) {
      config.routes.push_back(cni::parse_route((*routes)[i], concat("ipam.routes[", i, "]")));
    }
  }
  return config;
}

StoreLocation parse_location_leniently(const cni::NetConf& conf) {
  StoreLocation location;
  location.network = conf.name;
  const Json* const ipam = cni::find_key(conf.json, "ipam");
  if (ipam == nullptr) {
    return location;
  }
  try {
    ObjectReader reader(*ipam, "ipam");
    location.data_dir = parse_data_dir(reader);
  } catch (const cni::Error& error) {
    log_warning(concat(error.what(), "; cleaning up below ", location.data_dir));
  }
  return location;
}

}  // namespace linnet::host_local
