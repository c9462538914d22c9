// Rules that the reference plugins (their nftables and iptables-nft back ends) made for an attachment, so
// that a node can be upgraded while containers run.
// Source: the chains, comments and hashes that containernetworking/plugins 0.8 to 1.9 write.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

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

// Removes masquerade and MAC check rules of the reference for this attachment. Costs one round trip
// where there are none. Rules of the legacy iptables, which netlink does not show, stay.
void remove_reference_rules_if_present(netlink::nft::NftSocket& nft, const Attachment& attachment);

}  // namespace linnet::attach
