// Reading what nfnetlink sends about nf_tables, with libnftnl. Every reader takes what is missing or malformed for
// empty. Throws std::bad_alloc alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netlink/nftables.h"

struct nlmsghdr;

namespace linnet::netlink::nft {

// Whether it is a message of nf_tables of that type (NFT_MSG_*) with a whole header.
[[nodiscard]] bool is_about(const nlmsghdr* message, int type);

[[nodiscard]] Rule parse_rule(const nlmsghdr* message);
// Appends the elements of a set that one message lists.
void parse_elements(const nlmsghdr* message, std::vector<Element>& into);
[[nodiscard]] std::string parse_set_name(const nlmsghdr* message);
// Absent for a chain that is no base chain.
[[nodiscard]] std::optional<Policy> parse_policy(const nlmsghdr* message);

// The comment in user data of a rule or an element, empty when there is none.
[[nodiscard]] std::string comment_in(std::span<const unsigned char> user_data);

}  // namespace linnet::netlink::nft
