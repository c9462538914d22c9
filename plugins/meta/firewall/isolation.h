// The tables "inet linnet_firewall" and "bridge linnet_firewall": fixed rules over sets of containers, bridges
// and bridge ports. docs/firewall.md shows them.
#pragma once

#include <set>
#include <string>

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/firewall/config.h"
#include "plugins/meta/firewall/subject.h"

namespace linnet::firewall {

// The container's addresses, and the bridge with the policy, in one transaction. A policy that the bridge had
// before is replaced. Leaves nothing of the attachment behind when it throws.
void add_elements(netlink::nft::NftSocket& nft, const Subject& subject, IngressPolicy ingress,
                  const attach::Attachment& attachment);

// Removes what the attachment owns; the policy of its bridge stays, as the bridge does. `subject` may be
// empty: then the sets are searched.
void remove_elements_if_present(netlink::nft::NftSocket& nft, const Subject& subject,
                                const attach::Attachment& attachment);

// Removes what belongs to attachments of `network` that are not among `valid`, and with the last of them the
// policies of its bridges.
void collect_elements(netlink::nft::NftSocket& nft, const std::string& network,
                      const std::set<std::string, std::less<>>& valid);

// What of it nftables does not show.
[[nodiscard]] attach::Problems element_problems(netlink::nft::NftSocket& nft,
                                                const Subject& subject, IngressPolicy ingress,
                                                const attach::Attachment& attachment);

}  // namespace linnet::firewall
