// The configuration of the vlan plugin: JSON to values that are valid. No kernel.
#pragma once

#include "libcni/request.h"
#include "plugins/attach/child_config.h"

namespace linnet::vlan {

// Throws cni::Error that names key, value and way out.
[[nodiscard]] attach::ChildConfig parse_config(const cni::Request& request,
                                               const cni::NetConf& conf);

}  // namespace linnet::vlan
