#include "plugins/meta/portmap/config.h"

#include <netinet/in.h>

#include <array>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::portmap {

namespace {

using cni::Json;
using cni::ObjectReader;

constexpr std::int64_t kLastPort = 65535;

struct Protocol {
  std::string_view name;
  std::uint8_t number;
};
constexpr std::array<Protocol, 3> kProtocols = {
    {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}}};

std::uint8_t parse_protocol(ObjectReader& reader) {
  const std::string name = reader.text("protocol").value_or("");
  for (const Protocol& protocol : kProtocols) {
    if (equals_ignoring_case(name, protocol.name)) {
      return protocol.number;
    }
  }
  if (!name.empty()) {
    reader.fail("protocol", concat(linnet::quoted(name), ": expected tcp, udp or sctp"));
  }
  return IPPROTO_TCP;
}

PortMapping parse_mapping(const Json& json, const std::string& path,
                          std::vector<std::string>& warnings) {
  ObjectReader reader(json, path);
  PortMapping mapping;
  const auto port = [&](std::string_view key) {
    const std::optional<std::int64_t> number = reader.integer(key, 1, kLastPort);
    if (!number) {
      reader.fail(key, "missing: a mapping has a hostPort and a containerPort");
    }
    return static_cast<std::uint16_t>(*number);
  };
  mapping.host_port = port("hostPort");
  mapping.container_port = port("containerPort");
  const std::int64_t count =
      std::max<std::int64_t>(reader.integer("range", 0, kLastPort).value_or(1), 1);
  if (std::max(mapping.host_port, mapping.container_port) + count - 1 > kLastPort) {
    reader.fail("range",
                concat(count, " ports from ", std::max(mapping.host_port, mapping.container_port),
                       " on go past 65535"));
  }
  mapping.count = static_cast<std::uint16_t>(count);
  mapping.protocol = parse_protocol(reader);
  if (const std::optional<std::string> text = reader.text("hostIP"); text && !text->empty()) {
    mapping.host_ip = IpAddress::parse(*text);
    if (!mapping.host_ip) {
      reader.fail("hostIP", concat(linnet::quoted(*text), " is not an IP address"));
    }
  }
  for (std::string& sentence : reader.unknown_keys({})) {
    warnings.push_back(std::move(sentence));
  }
  return mapping;
}

const Json* find_mappings(ObjectReader& top) {
  const Json* runtime_config = top.object("runtimeConfig");
  return runtime_config == nullptr
             ? nullptr
             : ObjectReader(*runtime_config, "runtimeConfig").array("portMappings");
}

std::string mapping_path(std::size_t i) { return concat("runtimeConfig.portMappings[", i, "]"); }

void parse_switches(ObjectReader& reader, Config& config) {
  // Both names of the reference are accepted: the rules are nftables either way.
  const std::string backend = reader.text("backend").value_or("");
  if (!backend.empty() && backend != "iptables" && backend != "nftables") {
    reader.fail("backend",
                concat(linnet::quoted(backend), ": expected \"nftables\" or \"iptables\""));
  }
  config.snat = reader.boolean("snat").value_or(true);
  config.masquerade_all = reader.boolean("masqAll").value_or(false) && config.snat;
  const std::optional<std::int64_t> bit = reader.integer("markMasqBit", 0, 31);
  const std::string chain = reader.text("externalSetMarkChain").value_or("");
  if (bit && !chain.empty()) {
    reader.fail("externalSetMarkChain",
                "Cannot specify externalSetMarkChain and markMasqBit: leave one of them out");
  }
  config.mark_bit = static_cast<unsigned>(bit.value_or(Config{}.mark_bit));
}

}  // namespace

std::string_view protocol_name(std::uint8_t protocol) {
  for (const Protocol& known : kProtocols) {
    if (known.number == protocol) {
      return known.name;
    }
  }
  return "?";
}

Config parse_config(const cni::NetConf& conf, std::vector<std::string>& warnings) {
  ObjectReader reader(conf.json, "");
  Config config;
  parse_switches(reader, config);
  for (const auto& [key, family] :
       {std::pair<std::string_view, Family>("conditionsV4", Family::kIpv4),
        std::pair<std::string_view, Family>("conditionsV6", Family::kIpv6)}) {
    if (const auto tokens = reader.text_list(key)) {
      (family == Family::kIpv4 ? config.conditions_v4 : config.conditions_v6) =
          parse_conditions(key, family, *tokens);
    }
  }
  if (const Json* mappings = find_mappings(reader)) {
    for (std::size_t i = 0; i < mappings->size(); ++i) {
      config.mappings.push_back(parse_mapping((*mappings)[i], mapping_path(i), warnings));
    }
  }
  return config;
}

Config parse_config_leniently(const cni::NetConf& conf) {
  std::vector<std::string> warnings;
  try {
    return parse_config(conf, warnings);
  } catch (const cni::Error&) {
    // What ADD made is found without the configuration; that is only slower.
    return {};
  }
}

}  // namespace linnet::portmap
