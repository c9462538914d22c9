// The Ethernet address that a user asks for.
#pragma once

#include <optional>

#include "base/mac_address.h"
#include "libcni/error.h"
#include "libcni/request.h"

namespace linnet::attach {

// runtimeConfig.mac, else args.cni.mac, else MAC of CNI_ARGS; absent when none is given. Throws cni::Error
// for one that is no unicast Ethernet address, and for unknown keys in CNI_ARGS.
[[nodiscard]] std::optional<MacAddress> requested_mac(const cni::Request& request,
                                                      const cni::NetConf& conf);

// A unicast Ethernet address. Throws cni::Error(`code`) that starts with `source`.
[[nodiscard]] MacAddress parse_mac(std::string_view source, std::string_view text, cni::Code code);

}  // namespace linnet::attach
