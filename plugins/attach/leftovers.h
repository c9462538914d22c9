// Rules that the reference plugins (their nftables and iptables-nft back ends) made for an attachment, so
// that a node can be upgraded while containers run.
// Source: the chains, comments and hashes that containernetworking/plugins 0.8 to 1.9 write.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libcni/request.h"
#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"

namespace linnet::attach {

// A chain that belongs to one container, and the shared chains with rules that jump to it.
struct OwnChain {
  netlink::nft::Table table;
  std::string chain;
  std::vector<std::string> entered_from;
};

// Rules of a chain that all containers share.
struct CommentedRules {
  netlink::nft::Table table;
  std::string chain;
  std::function<bool(const netlink::nft::Rule&)> wanted;
};

// Removes the chains with their rules and the jumps to them, and the wanted ones of `rules`. Costs one round
// trip where there are none of these chains. Goes on after errors, throws at the end.
void remove_leftovers_if_present(netlink::nft::NftSocket& nft, std::span<const OwnChain> chains,
                                 std::span<const CommentedRules> rules);

// The containers of `network` that comments `word`name: "NETWORK" id: "CONTAINER" in these chains name and that have no
// valid attachment.
[[nodiscard]] std::vector<std::string> find_gone_containers(
    netlink::nft::NftSocket& nft,
    std::span<const std::pair<netlink::nft::Table, std::string>> chains, std::string_view word,
    const std::string& network, const std::vector<cni::AttachmentKey>& valid);

// Removes masquerade and MAC check rules of the reference for this attachment. Costs one round trip
// where there are none. Rules of the legacy iptables, which netlink does not show, stay.
void remove_reference_rules_if_present(netlink::nft::NftSocket& nft, const Attachment& attachment);

// Removes masquerade rules of the reference for attachments of the network that are not valid. Its MAC check does
// not say which network it is of: it stays.
void collect_reference_rules(netlink::nft::NftSocket& nft, const std::string& network,
                             const std::vector<cni::AttachmentKey>& valid);

}  // namespace linnet::attach
