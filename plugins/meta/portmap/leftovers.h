// Rules that the reference's portmap made for an attachment, so that a node can be switched over while
// containers run.
// Source: the chains, comments and hashes that containernetworking/plugins 0.6 to 1.9 write.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/request.h"
#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"

namespace linnet::portmap {

// Removes them, of its iptables back end (as far as iptables is nf_tables underneath) and of its nftables
// back end. There a rule names only the container id: `addresses`, where they are known, tell the
// container's networks apart. One round trip where there are none.
void remove_reference_rules_if_present(netlink::nft::NftSocket& nft,
                                       const attach::Attachment& attachment,
                                       const std::vector<Cidr>& addresses);

// The same for containers of `network` that have no valid attachment. Only of its iptables back end: the rules
// of the other one do not say which network they are of.
void collect_reference_rules(netlink::nft::NftSocket& nft, const std::string& network,
                             const std::vector<cni::AttachmentKey>& valid);

}  // namespace linnet::portmap
