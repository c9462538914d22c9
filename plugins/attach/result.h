// Parts of a result that every interface plugin makes. No kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "libcni/request.h"
#include "libcni/result.h"
#include "netlink/link.h"

namespace linnet::attach {

[[nodiscard]] std::vector<Cidr> addresses_of(const cni::Result& result);

// The configuration's "dns" wins over that of IPAM.
void take_dns(cni::Result& result, const cni::NetConf& conf);

// The entry of the interface `name`; `sandbox` tells one in a container from one on the host (empty). Null
// when there is none.
[[nodiscard]] const cni::Interface* find_interface(const cni::Result& result, std::string_view name,
                                                   std::string_view sandbox);

// The result without the addresses that chained plugins added for interfaces of their own.
[[nodiscard]] cni::Result own_part(const cni::Result& result, std::string_view ifname);

// An interface entry of the result; `sandbox` is empty for a link on the host.
[[nodiscard]] cni::Interface describe(const netlink::Link& link, const std::string& sandbox);

}  // namespace linnet::attach
