#include "netlink/iptables.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "netlink/match.h"

namespace linnet::netlink::iptables {

namespace {

template <typename Info>
nft::Expressions match_of(std::string name, std::uint32_t revision, const Info& info) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&info);
  return {nft::XtablesMatch{std::move(name), revision, {bytes, bytes + sizeof info}}};
}

}  // namespace

nft::Table filter_table(Family family) {
  return {.family = family == Family::kIpv4 ? nft::TableFamily::kIp : nft::TableFamily::kIp6,
          .name = "filter"};
}

nft::Expressions match_address(Side side, const IpAddress& address) {
  return side == Side::kSource ? nft::match::source_is(address)
                               : nft::match::destination_is(address);
}

nft::Expressions match_established() {
  xt_conntrack_mtinfo3 info{};
  info.match_flags = XT_CONNTRACK_STATE;
  info.state_mask =
      XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) | XT_CONNTRACK_STATE_BIT(IP_CT_RELATED);
  return match_of("conntrack", 3, info);
}

nft::Expressions match_comment(std::string_view text) {
  xt_comment_info info{};
  std::ranges::copy(text.substr(0, sizeof info.comment - 1), info.comment);
  return match_of("comment", 0, info);
}

nft::NewRule rule(std::string chain, std::initializer_list<nft::Expressions> matches,
                  const nft::Expressions& verdict) {
  return {.chain = std::move(chain),
          .expressions = nft::phrases({nft::phrases(matches), {nft::Counter{}}, verdict}),
          .comment = {}};
}

std::vector<std::string> legacy_tables(Family family) {
  const std::string path =
      family == Family::kIpv4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
  std::vector<std::string> names = split(find_file(path, 4096).value_or(""), '\n');
  std::erase(names, "");
  return names;
}

}  // namespace linnet::netlink::iptables
