// Ports that one container asks for in several networks: Podman gives all mappings of a container to each network
// that it is in. Those of the attachment that came first are redirected. The others wait in maps that no rule
// reads, with the same keys and data, until the first has gone.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/nftables.h"
#include "plugins/meta/portmap/plan.h"

namespace linnet::portmap {

// The name of a set to elements of it.
using Elements = std::map<std::string, std::vector<netlink::nft::Element>>;

[[nodiscard]] bool is_waiting_map(std::string_view set);
// The map of those that ports or host_ports map `set` lacks.
[[nodiscard]] std::string waiting_map(std::size_t rank, std::string_view set);
void add_waiting_map(netlink::nft::Transaction& transaction, const std::string& name);

// `plan` with its ports that `taken` has in places where nobody else's wait. Throws
// cni::Error(kInvalidNetworkConfig) when there is none left.
[[nodiscard]] Plan move_to_waiting(netlink::nft::NftSocket& nft, Plan plan, const Elements& taken,
                                   const attach::Attachment& attachment);

// Appends to `transaction`, which removes `gone`, that what waits for their places takes them. One round trip
// where nothing waits.
void let_waiting_follow(netlink::nft::NftSocket& nft, const Elements& gone,
                        netlink::nft::Transaction& transaction);

}  // namespace linnet::portmap
