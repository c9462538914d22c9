// The configuration of the bridge plugin as it comes on stdin: every input is accepted or refused with a
// cni::Error.
#include <cstdlib>

#include "libcni/error.h"
#include "libcni/version.h"
#include "plugins/bridge/config.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  cni::Request request{
      .container_id = "c1", .netns = "/run/netns/c1", .ifname = "eth0", .args = "", .path = {}};
  for (const cni::Verb verb :
       {cni::Verb::kAdd, cni::Verb::kDel, cni::Verb::kCheck, cni::Verb::kGc}) {
    request.verb = verb;
    try {
      const cni::NetConf conf = cni::parse_net_conf(text, verb, cni::kAllVersions);
      const bridge::Config config = bridge::parse_config(request, conf);
      // Ascending and disjoint within the numbers that exist, as the type promises.
      unsigned above = 0;
      for (const netlink::Vlan& vlan : config.trunk) {
        if (vlan.first <= above || vlan.last < vlan.first || vlan.last > 4094) {
          std::abort();
        }
        above = vlan.last;
      }
      static_cast<void>(bridge::plan_vlans(config));
    } catch (const cni::Error&) {
    }
  }
  return 0;
}
