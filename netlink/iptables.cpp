#include "netlink/iptables.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace linnet::netlink::iptables {

namespace {

template <typename Info>
nft::Expression match_of(std::string name, std::uint32_t revision, const Info& info) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&info);
  return nft::XtablesMatch{std::move(name), revision, {bytes, bytes + sizeof info}};
}

}  // namespace

nft::Table filter_table(Family family) {
  return {.family = family == Family::kIpv4 ? nft::TableFamily::kIp : nft::TableFamily::kIp6,
          .name = "filter"};
}

std::vector<nft::Expression> match_address(Side side, const IpAddress& address) {
  const auto length = static_cast<std::uint32_t>(address.bytes().size());
  const std::uint32_t source = address.is_ipv4() ? 12 : 8;
  return {nft::PayloadLoad{NFT_PAYLOAD_NETWORK_HEADER,
                           side == Side::kSource ? source : source + length, length},
          nft::Compare{true, {address.bytes().begin(), address.bytes().end()}}};
}

nft::Expression match_established() {
  xt_conntrack_mtinfo3 info{};
  info.match_flags = XT_CONNTRACK_STATE;
  info.state_mask =
      XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) | XT_CONNTRACK_STATE_BIT(IP_CT_RELATED);
  return match_of("conntrack", 3, info);
}

nft::Expression match_comment(std::string_view text) {
  xt_comment_info info{};
  std::ranges::copy(text.substr(0, sizeof info.comment - 1), info.comment);
  return match_of("comment", 0, info);
}

nft::NewRule rule(std::string chain, std::vector<nft::Expression> matches, nft::Verdict verdict) {
  matches.emplace_back(nft::Counter{});
  matches.emplace_back(std::move(verdict));
  return {.chain = std::move(chain), .expressions = std::move(matches), .comment = {}};
}

std::vector<std::string> legacy_tables(Family family) {
  const std::string path =
      family == Family::kIpv4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
  std::vector<std::string> names = split(find_file(path, 4096).value_or(""), '\n');
  std::erase(names, "");
  return names;
}

}  // namespace linnet::netlink::iptables
