// Parts of a result that every interface plugin makes. No kernel.
#pragma once

#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/result.h"
#include "netlink/link.h"

namespace linnet::attach {

[[nodiscard]] std::vector<Cidr> addresses_of(const cni::Result& result);

// An interface entry of the result; `sandbox` is empty for a link on the host.
[[nodiscard]] cni::Interface describe(const netlink::Link& link, const std::string& sandbox);

}  // namespace linnet::attach
