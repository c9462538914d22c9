#include "plugins/ipam/static/verbs.h"

#include <algorithm>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/ipam/static/config.h"

namespace linnet::static_ipam {

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  Config config = parse_config(conf, request.args);
  cni::Result result;
  result.ips = std::move(config.addresses);
  result.routes = std::move(config.routes);
  result.dns = std::move(config.dns);
  if (result.ips.empty() && !cni::can_show_layer2(conf.cni_version)) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"ipam.addresses\": empty, and a result of CNI version ",
                            conf.cni_version, " needs an address: give one"));
  }
  return result;
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf, request.args);
  std::vector<std::string> problems;
  for (const cni::IpConfig& wanted : config.addresses) {
    const auto& present = conf.prev_result->ips;
    const auto found = std::ranges::find(present, wanted.address, &cni::IpConfig::address);
    if (found == present.end()) {
      problems.push_back(concat("prevResult lacks the address ", wanted.address.text()));
    } else if (wanted.gateway && found->gateway != wanted.gateway) {
      problems.push_back(concat("prevResult has for ", wanted.address.text(), " the gateway ",
                                found->gateway ? found->gateway->text() : "none", ", not ",
                                wanted.gateway->text()));
    }
  }
  if (!problems.empty()) {
    throw cni::Error(cni::Code::kInternal, join(problems, "; "));
  }
}

void status(const cni::Request& /*request*/, const cni::NetConf& conf) {
  static_cast<void>(parse_config(conf, {}));
}

}  // namespace linnet::static_ipam
