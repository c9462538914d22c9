// An attachment's elements of the table "inet linnet_portmap": added, found, removed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/portmap/plan.h"

namespace linnet::portmap {

// One transaction, and a few more where something is in the way: what the attachment had is replaced, and
// so are elements that an earlier owner of a container's address left. Throws
// cni::Error(kInvalidNetworkConfig) that names the owner of a port which another attachment has. Leaves
// nothing behind when it throws.
void add_rules(netlink::nft::NftSocket& nft, const Plan& plan,
               const attach::Attachment& attachment);

// Removes all that the attachment owns and returns the redirections that it had. `plan` is what it most likely
// owns: with it the elements are looked up, and the maps are searched only when there must be more.
std::vector<Redirect> remove_rules_if_present(netlink::nft::NftSocket& nft, const Plan& plan,
                                              const attach::Attachment& attachment);

// The same for all attachments of `network` that are not among `valid`.
std::vector<Redirect> collect_rules(netlink::nft::NftSocket& nft, const std::string& network,
                                    const std::set<std::string, std::less<>>& valid);

// The planned elements and rules that nftables lacks, one sentence each.
[[nodiscard]] attach::Problems rule_problems(netlink::nft::NftSocket& nft, const Plan& plan,
                                             const attach::Attachment& attachment);

}  // namespace linnet::portmap
