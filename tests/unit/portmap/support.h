// Configurations of portmap for tests.
#pragma once

#include "libcni/json.h"
#include "libcni/request.h"
#include "libcni/version.h"

namespace linnet::test {

// A configuration with these mappings and members on top of it.
[[nodiscard]] inline cni::NetConf portmap_conf(const cni::Json& mappings,
                                               const cni::Json& changes = cni::Json::object()) {
  cni::Json json = {{"cniVersion", "1.0.0"}, {"name", "net1"}, {"type", "portmap"}};
  json["runtimeConfig"]["portMappings"] = mappings;
  if (changes.is_object()) {
    json.update(changes);
  }
  return cni::parse_net_conf(json.dump(), cni::Verb::kAdd, cni::kAllVersions);
}

}  // namespace linnet::test
