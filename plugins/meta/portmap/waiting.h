// Ports that one container asks for in several networks: Podman gives all mappings of a container to each network
// that it is in. Those of the attachment that came first are redirected. The others wait in maps that no rule
// reads, with the same keys and data, until the first has gone.
#pragma once

#include <string>
#include <string_view>

#include "netlink/nftables.h"
#include "plugins/attach/owned_elements.h"

namespace linnet::portmap {

using attach::owned::Elements;

[[nodiscard]] bool is_waiting_map(std::string_view set);
// The map of those that ports or host_ports map `set` lacks.
[[nodiscard]] std::string waiting_map(std::size_t rank, std::string_view set);
void add_waiting_map(netlink::nft::Transaction& transaction, const std::string& name);

// Puts ports whose places others have into maps where nobody else waits for them. Throws
// cni::Error(kInvalidNetworkConfig) when there is none left.
[[nodiscard]] Elements place_waiting(netlink::nft::NftSocket& nft, const Elements& ports);

// Appends to `transaction`, which removes `gone`, that what waits for their places takes them. One round trip
// where nothing waits.
void let_waiting_follow(netlink::nft::NftSocket& nft, netlink::nft::Transaction& transaction,
                        const Elements& gone);

}  // namespace linnet::portmap
