// Rules in the tables of iptables where it is nf_tables underneath, in the form that iptables reads back.
// Source: linux/netfilter/nf_tables_compat.h, linux/netfilter/xt_conntrack.h, iptables-nft.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "netlink/nftables.h"

namespace linnet::netlink::iptables {

// "ip filter" or "ip6 filter".
[[nodiscard]] nft::Table filter_table(Family family);

// -s or -d of a single address.
enum class Side { kSource, kDestination };
[[nodiscard]] nft::Expressions match_address(Side side, const IpAddress& address);

// -m conntrack --ctstate RELATED,ESTABLISHED
[[nodiscard]] nft::Expressions match_established();

// -m comment --comment TEXT, at most 255 bytes of it.
[[nodiscard]] nft::Expressions match_comment(std::string_view text);

// A rule of these matches that ends in `verdict`, with the counter that every rule of iptables has.
[[nodiscard]] nft::NewRule rule(std::string chain, std::initializer_list<nft::Expressions> matches,
                                const nft::Expressions& verdict);

// Names of tables that the legacy iptables has made in this namespace, which nf_tables does not show.
[[nodiscard]] std::vector<std::string> legacy_tables(Family family);

}  // namespace linnet::netlink::iptables
