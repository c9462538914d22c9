// The configuration keys of the plugins that are known by name, for warnings about misspelt ones.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"

namespace linnet::cni {

// The keys of plugin `type` (interface, meta and IPAM plugins of the reference set) besides those
// that every plugin has; empty when the type is not known.
[[nodiscard]] std::span<const std::string_view> known_keys(std::string_view type);

// One sentence for each key of a plugin's configuration object, its "ipam" included, that neither
// the specification nor the plugin defines. Nothing for plugins not known.
[[nodiscard]] std::vector<std::string> unknown_key_warnings(const Json& configuration);

}  // namespace linnet::cni
