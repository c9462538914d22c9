// Configurations of the bridge plugin for tests.
#pragma once

#include "libcni/json.h"

namespace linnet::test {

// bridge + host-local, gateway, one IPv4 subnet and routes; change what the test is about.
[[nodiscard]] inline cni::Json bridge_conf() {
  return cni::Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net1", "type": "bridge", "bridge": "br0", "isGateway": true,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.22.0.0/24"}]],
             "routes": [{"dst": "0.0.0.0/0"}]}})");
}

[[nodiscard]] inline cni::Json dual_stack_conf() {
  cni::Json conf = bridge_conf();
  conf["ipam"]["ranges"].push_back({{{"subnet", "fd22::/64"}}});
  conf["ipam"]["routes"].push_back({{"dst", "::/0"}});
  return conf;
}

[[nodiscard]] inline cni::Json layer2_conf() {
  cni::Json conf = bridge_conf();
  conf.erase("ipam");
  conf.erase("isGateway");
  return conf;
}

// Members of `changes` on top of `conf`.
[[nodiscard]] inline cni::Json with(cni::Json conf, const cni::Json& changes) {
  conf.update(changes);
  return conf;
}

}  // namespace linnet::test
