// The result's "dns" from a file in the format of resolv.conf(5).
#pragma once

#include <string>
#include <string_view>

#include "libcni/result.h"

namespace linnet::host_local {

// Lines of "nameserver", "domain", "search" and "options"; comments, other words and words without
// a value are skipped. The last domain counts, everything else adds up (reference.md 3.11).
[[nodiscard]] cni::Dns parse_resolv_conf(std::string_view text);

// The same from a file of at most 64 KiB. Throws cni::Error(kInvalidNetworkConfig) that names
// `key`.
[[nodiscard]] cni::Dns read_resolv_conf(const std::string& path, std::string_view key);

}  // namespace linnet::host_local
