// The configuration of every plugin as it comes on stdin, chosen by its "type": accepted or refused with a cni::Error.
#include <map>

#include "libcni/error.h"
#include "libcni/plugin_keys.h"
#include "libcni/version.h"
#include "plugins/host-device/config.h"
#include "plugins/ipam/host-local/config.h"
#include "plugins/ipam/static/config.h"
#include "plugins/ipvlan/config.h"
#include "plugins/macvlan/config.h"
#include "plugins/meta/bandwidth/config.h"
#include "plugins/meta/firewall/config.h"
#include "plugins/meta/portmap/config.h"
#include "plugins/meta/sbr/config.h"
#include "plugins/meta/tuning/config.h"
#include "plugins/meta/vrf/config.h"
#include "plugins/ptp/config.h"
#include "plugins/tap/config.h"
#include "plugins/vlan/config.h"

using namespace linnet;

namespace {

using Parse = void (*)(const cni::Request&, const cni::NetConf&);

void parse_portmap(const cni::Request& /*request*/, const cni::NetConf& conf) {
  static_cast<void>(portmap::parse_config_leniently(conf));
  std::vector<std::string> warnings;
  static_cast<void>(portmap::parse_config(conf, warnings));
}

void parse_host_device(const cni::Request& request, const cni::NetConf& conf) {
  static_cast<void>(host_device::parse_keys_leniently(conf));
  static_cast<void>(host_device::parse_config(request, conf));
}

void parse_tuning(const cni::Request& request, const cni::NetConf& conf) {
  static_cast<void>(tuning::parse_data_dir_leniently(conf));
  static_cast<void>(tuning::parse_config(request, conf));
}

template <auto function>
void with_request(const cni::Request& request, const cni::NetConf& conf) {
  static_cast<void>(function(request, conf));
}

template <auto function>
void alone(const cni::Request& /*request*/, const cni::NetConf& conf) {
  static_cast<void>(function(conf));
}

template <auto function>
void with_args(const cni::Request& request, const cni::NetConf& conf) {
  static_cast<void>(function(conf, request.args));
}

const std::map<std::string_view, Parse> kPlugins = {
    {"bandwidth", with_request<bandwidth::parse_limits>},
    {"firewall", alone<firewall::parse_config>},
    {"host-device", parse_host_device},
    {"ipvlan", with_request<ipvlan::parse_config>},
    {"macvlan", with_request<macvlan::parse_config>},
    {"portmap", parse_portmap},
    {"ptp", alone<ptp::parse_config>},
    {"sbr", alone<sbr::parse_config>},
    {"static", with_args<static_ipam::parse_config>},
    {"tap", with_request<tap::parse_config>},
    {"tuning", parse_tuning},
    {"vlan", with_request<vlan::parse_config>},
    {"vrf", alone<vrf::parse_config>},
};

}  // namespace

// CNI_ARGS may follow behind a zero byte.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  cni::Request request{.container_id = "c1",
                       .netns = "/run/netns/c1",
                       .ifname = "eth0",
                       .args = end == std::string::npos ? "" : input.substr(end + 1),
                       .path = {}};
  for (const cni::Verb verb :
       {cni::Verb::kAdd, cni::Verb::kDel, cni::Verb::kCheck, cni::Verb::kGc, cni::Verb::kStatus}) {
    request.verb = verb;
    try {
      const cni::NetConf conf = cni::parse_net_conf(input.substr(0, end), verb, cni::kAllVersions);
      static_cast<void>(cni::unknown_key_warnings(conf.json));
      // The IPAM plugin of a configuration reads it, too.
      for (const std::string& type : {conf.type, conf.ipam_type}) {
        if (const auto plugin = kPlugins.find(type); plugin != kPlugins.end()) {
          plugin->second(request, conf);
        }
      }
    } catch (const cni::Error&) {
    }
  }
  return 0;
}
