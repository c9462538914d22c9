#include "plugins/meta/tuning/config.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/mac_request.h"

namespace linnet::tuning {

namespace {

using cni::ObjectReader;

// What the kernel keeps as an int.
constexpr std::int64_t kLargest = 0x7fffffff;

// The keys that configuration and args.cni share.
void read_link_keys(ObjectReader& reader, Config& config) {
  if (const std::optional<std::string> mac = reader.text("mac"); mac && !mac->empty()) {
    config.mac = attach::parse_mac(concat('"', reader.name_of("mac"), '"'), *mac,
                                   cni::Code::kInvalidNetworkConfig);
  }
  if (const std::optional<bool> promiscuous = reader.boolean("promisc")) {
    config.promiscuous = promiscuous;
  }
  if (const auto mtu = reader.integer("mtu", 0, kLargest)) {
    config.mtu = static_cast<std::uint32_t>(*mtu);
  }
  if (const std::optional<bool> all_multicast = reader.boolean("allmulti")) {
    config.all_multicast = all_multicast;
  }
  if (const auto length = reader.integer("txQLen", 0, kLargest)) {
    config.tx_queue_length = static_cast<std::uint32_t>(*length);
  }
}

std::string parse_data_dir(ObjectReader& reader) {
  std::string path = reader.text("dataDir").value_or("");
  if (path.empty()) {
    return Config{}.data_dir;
  }
  const std::vector<std::string> parts = split(path, '/');
  if (!path.starts_with('/') || std::ranges::find(parts, "..") != parts.end() ||
      path.find('\0') != std::string::npos) {
    reader.fail("dataDir", concat(linnet::quoted(path), " is not an absolute path without \"..\""));
  }
  return path;
}

}  // namespace

Config parse_config(const cni::Request& request, const cni::NetConf& conf) {
  ObjectReader reader(conf.json, "");
  Config config;
  config.data_dir = parse_data_dir(reader);
  config.sysctls = attach::parse_sysctls(conf);
  read_link_keys(reader, config);
  if (const std::optional<MacAddress> mac = attach::requested_mac(request, conf)) {
    config.mac = mac;
  }
  if (const cni::Json* args = reader.object("args")) {
    if (const cni::Json* own = ObjectReader(*args, "args").object("cni")) {
      ObjectReader dynamic(*own, "args.cni");
      read_link_keys(dynamic, config);
      if (const cni::Json* sysctl = dynamic.object("sysctl")) {
        attach::override_sysctls(config.sysctls, *sysctl, "args.cni.sysctl");
      }
    }
  }
  return config;
}

std::string parse_data_dir_leniently(const cni::NetConf& conf) {
  try {
    ObjectReader reader(conf.json, "");
    return parse_data_dir(reader);
  } catch (const cni::Error& error) {
    log_warning(concat(error.what(), "; cleaning up below ", Config{}.data_dir));
    return Config{}.data_dir;
  }
}

}  // namespace linnet::tuning
