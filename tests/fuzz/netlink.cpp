// What the kernel sends, at its word for nothing but the message's length. The first byte chooses the
// message type, the rest is what follows the message's header.
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <cstring>
#include <memory>

#include "netlink/internal/nft_parse.h"
#include "netlink/internal/parse.h"

using linnet::Family;
using namespace linnet::netlink;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  constexpr std::array<int, 10> kTypes = {RTM_NEWLINK,
                                          RTM_NEWADDR,
                                          RTM_NEWROUTE,
                                          RTM_NEWRULE,
                                          RTM_NEWQDISC,
                                          RTM_NEWTFILTER,
                                          SOCK_DIAG_BY_FAMILY,
                                          NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
                                          NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE,
                                          NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM};
  if (size == 0) {
    return 0;
  }
  // Exactly as large as the message, so that reading one byte past it is noticed.
  const std::size_t length = NLMSG_HDRLEN + size - 1;
  const std::unique_ptr<unsigned char[]> bytes(new unsigned char[length]);
  const nlmsghdr header{.nlmsg_len = static_cast<std::uint32_t>(length),
                        .nlmsg_type = static_cast<std::uint16_t>(kTypes[data[0] % kTypes.size()]),
                        .nlmsg_flags = 0,
                        .nlmsg_seq = 0,
                        .nlmsg_pid = 0};
  std::memcpy(bytes.get(), &header, sizeof header);
  std::memcpy(bytes.get() + NLMSG_HDRLEN, data + 1, size - 1);
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.get());
  static_cast<void>(parse_link(message));
  static_cast<void>(link_index(message));
  static_cast<void>(parse_address(message, 1));
  static_cast<void>(parse_routes(message));
  static_cast<void>(parse_vlans(message, 1));
  static_cast<void>(parse_route_lookup(message));
  static_cast<void>(parse_rule(message));
  static_cast<void>(parse_qdisc(message));
  static_cast<void>(parse_ingress_filter(message));
  static_cast<void>(parse_flow(message, Family::kIpv4));
  static_cast<void>(parse_flow(message, Family::kIpv6));
  static_cast<void>(parse_listener(message, 6));
  static_cast<void>(nft::parse_rule(message));
  std::vector<nft::Element> elements;
  nft::parse_elements(message, elements);
  static_cast<void>(nft::comment_in({data, size}));
  return 0;
}
