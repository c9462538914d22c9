// Rules in the tables of iptables (iptables-nft) that accept what containers send and what is answered. An
// accept in a table of our own would not do: a packet must be accepted by every table.
// Source: the chains of the firewall plugin of containernetworking/plugins, with the owner as a comment.
#pragma once

#include <set>
#include <string>

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/firewall/subject.h"

namespace linnet::firewall {

// Whether iptables drops forwarded packets of a family of the container that none of its rules accepts.
[[nodiscard]] bool iptables_drops(netlink::nft::NftSocket& nft, const Subject& subject);

// One transaction. Rules that the attachment had are replaced. Leaves nothing of the attachment behind when it
// throws; the chains stay.
void add_accept_rules(netlink::nft::NftSocket& nft, const Subject& subject,
                      const std::string& admin_chain, const attach::Attachment& attachment);

// Removes the attachment's rules, and those that the reference made for its addresses as far as `subject`
// knows them.
void remove_accept_rules_if_present(netlink::nft::NftSocket& nft, const Subject& subject,
                                    const attach::Attachment& attachment);

// Removes the rules of attachments of `network` that are not among `valid`. Rules of the reference do not say
// whose they are, and stay.
void collect_accept_rules(netlink::nft::NftSocket& nft, const std::string& network,
                          const std::set<std::string, std::less<>>& valid);

// The chains and rules that iptables lacks, one sentence each.
[[nodiscard]] attach::Problems accept_problems(netlink::nft::NftSocket& nft, const Subject& subject,
                                               const std::string& admin_chain,
                                               const attach::Attachment& attachment);

}  // namespace linnet::firewall
