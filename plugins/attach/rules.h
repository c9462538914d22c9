// The table "inet linnet" (masquerade) and "bridge linnet" (MAC check): fixed rules over sets with one
// element per container, so that the number of rules does not grow with the number of containers.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "libcni/json.h"
#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"

namespace linnet::attach {

// The keys "ipMasq" and "ipMasqBackend". Throws cni::Error(kInvalidNetworkConfig).
[[nodiscard]] bool parse_masquerade(cni::ObjectReader& reader);

// What leaves the subnet of one of `addresses` (and is not multicast) is masqueraded from now on. The
// destination is compared, not the outgoing link, so that traffic inside the subnet keeps its source
// also where br_netfilter shows bridged packets to the IP hooks. An element that an earlier owner
// of the same address left is replaced. One transaction; nothing is left behind on failure.
void add_masquerade(netlink::nft::NftSocket& nft, const Attachment& attachment,
                    std::span<const Cidr> addresses);

// Frames from the port `host_link` are dropped unless they carry the source address `mac`.
void add_mac_check(netlink::nft::NftSocket& nft, const Attachment& attachment,
                   const std::string& host_link, const MacAddress& mac);

// Which of the addresses lack their masquerade element.
[[nodiscard]] std::vector<Cidr> unmasqueraded(netlink::nft::NftSocket& nft,
                                              const Attachment& attachment,
                                              std::span<const Cidr> addresses);
[[nodiscard]] bool has_mac_check(netlink::nft::NftSocket& nft, const Attachment& attachment,
                                 const std::string& host_link, const MacAddress& mac);

// Removes every element that the attachment owns in either table. `hint` are its addresses where they are
// known: with them the elements are looked up, without them the sets are searched.
void remove_rules_if_present(netlink::nft::NftSocket& nft, const Attachment& attachment,
                             std::span<const Cidr> hint);

// Removes the elements of attachments of `network` that are not among `valid`.
void collect_rules(netlink::nft::NftSocket& nft, const std::string& network,
                   const std::set<std::string, std::less<>>& valid);

}  // namespace linnet::attach
