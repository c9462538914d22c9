#include "plugins/tap/config.h"

#include <limits>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/mac_request.h"

namespace linnet::tap {

namespace {

// A length has 16 bits.
constexpr std::int64_t kLargestMtu = 65535;
// The last number means "none".
constexpr std::int64_t kLargestId = std::numeric_limits<std::uint32_t>::max() - std::int64_t{1};

std::optional<std::uint32_t> read_id(cni::ObjectReader& reader, std::string_view key) {
  const std::optional<std::int64_t> id = reader.integer(key, 0, kLargestId);
  return id ? std::optional(static_cast<std::uint32_t>(*id)) : std::nullopt;
}

std::string read_context(cni::ObjectReader& reader) {
  std::string context = reader.text("selinuxContext").value_or("");
  for (const char c : context) {
    if (c <= ' ' || c == '\x7f') {
      reader.fail("selinuxContext",
                  concat(linnet::quoted(context),
                         " is no context, such as system_u:system_r:container_t:s0"));
    }
  }
  return context;
}

}  // namespace

Config parse_config(const cni::Request& request, const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  Config config;
  config.multi_queue = reader.boolean("multiQueue").value_or(false);
  config.mtu = static_cast<std::uint32_t>(reader.integer("mtu", 0, kLargestMtu).value_or(0));
  config.owner = read_id(reader, "owner");
  config.group = read_id(reader, "group");
  config.selinux_context = read_context(reader);
  config.bridge = reader.text("bridge").value_or("");
  if (!config.bridge.empty()) {
    if (const std::string problem = cni::problem_with_ifname(config.bridge); !problem.empty()) {
      reader.fail("bridge", problem);
    }
  }
  config.mac = attach::requested_mac(request, conf);
  if (const std::string text = reader.text("mac").value_or(""); !config.mac && !text.empty()) {
    config.mac = attach::parse_mac("\"mac\"", text, cni::Code::kInvalidNetworkConfig);
  }
  config.sysctls = attach::parse_sysctls(conf);
  if (conf.ipam_type.empty() && !cni::can_show_layer2(conf.cni_version)) {
    reader.fail("cniVersion", concat(linnet::quoted(conf.cni_version),
                                     " has no result without an address: add \"ipam\", or use "
                                     "cniVersion 0.3.0 or newer"));
  }
  return config;
}

}  // namespace linnet::tap
