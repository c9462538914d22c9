// Rules that the reference plugins (their nftables and iptables-nft back ends) made for an attachment, so
// that a node can be upgraded while containers run.
// Source: the chains, comments and hashes that containernetworking/plugins 0.8 to 1.9 write.
#pragma once

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"

namespace linnet::attach {

// Removes masquerade and MAC check rules of the reference for this attachment. Costs one round trip
// where there are none. Rules of the legacy iptables, which netlink does not show, stay.
void remove_reference_rules_if_present(netlink::nft::NftSocket& nft, const Attachment& attachment);

}  // namespace linnet::attach
