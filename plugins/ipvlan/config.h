// The configuration of the ipvlan plugin: JSON to values that are valid. No kernel.
#pragma once

#include "libcni/request.h"
#include "plugins/attach/child_config.h"

namespace linnet::ipvlan {

// Chained behind another plugin, a missing "master" is the one interface of prevResult, and without
// "ipam" its addresses are taken. Throws cni::Error that names key, value and way out.
[[nodiscard]] attach::ChildConfig parse_config(const cni::Request& request,
                                               const cni::NetConf& conf);

}  // namespace linnet::ipvlan
