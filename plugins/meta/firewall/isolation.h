// The tables "inet linnet_firewall" and "bridge linnet_firewall": fixed rules over sets of containers, bridges
// and bridge ports. docs/firewall.md shows them.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/owned_elements.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/firewall/config.h"
#include "plugins/meta/firewall/subject.h"

namespace linnet::firewall {

// The container's addresses, and the bridge with the policy, in one transaction. A policy that the bridge had
// before is replaced. `zone`, unless it is empty, is recorded as firewalld's zone of the addresses.
// `before_replacing` gets the elements that an earlier ADD left for the same addresses, with what they record. Leaves
// nothing new of the attachment behind when it throws.
void add_elements(netlink::nft::NftSocket& nft, const Subject& subject, IngressPolicy ingress,
                  const attach::Attachment& attachment, std::string_view zone = {},
                  const std::function<void(const attach::owned::Elements&)>& before_replacing = {});

// What the attachment owns; the policy of its bridge, which stays as the bridge does, is not among it. `subject`
// may be empty: then the sets are searched.
[[nodiscard]] attach::owned::Elements find_own_elements(netlink::nft::NftSocket& nft,
                                                        const Subject& subject,
                                                        const attach::Attachment& attachment);

// The elements of the subject's addresses, whoever owns them.
[[nodiscard]] attach::owned::Elements find_address_elements(netlink::nft::NftSocket& nft,
                                                            const Subject& subject);

// What belongs to attachments of `network` that are not among `valid`, and when that is empty the policies of the
// network's bridges.
[[nodiscard]] attach::owned::Elements find_invalid_elements(
    netlink::nft::NftSocket& nft, const std::string& network,
    const std::set<std::string, std::less<>>& valid);

// The address and the zone that add_elements() recorded with it, if it did.
[[nodiscard]] std::optional<ZoneSource> recorded_source(const attach::owned::Element& element);

// The elements and rules that nftables lacks, one sentence each.
[[nodiscard]] attach::Problems element_problems(netlink::nft::NftSocket& nft,
                                                const Subject& subject, IngressPolicy ingress,
                                                const attach::Attachment& attachment);

}  // namespace linnet::firewall
