// Reading what nfnetlink sends about nf_tables. Private to this folder. Every reader checks lengths and
// takes what is missing for empty.
#pragma once

#include <vector>

#include "netlink/nftables.h"

struct nlmsghdr;

namespace linnet::netlink::nft {

[[nodiscard]] Rule parse_rule(const nlmsghdr* message);
// Appends the elements of a set that one message lists.
void parse_elements(const nlmsghdr* message, std::vector<Element>& into);

}  // namespace linnet::netlink::nft
