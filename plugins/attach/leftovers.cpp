#include "plugins/attach/leftovers.h"

#include <cerrno>

#include "base/error_list.h"
#include "base/sha512.h"
#include "base/text.h"

namespace linnet::attach {

namespace nft = netlink::nft;

namespace {

void commit(nft::NftSocket& socket, nft::Transaction transaction) {
  if (transaction.empty()) {
    return;
  }
  const netlink::Ack ack = socket.commit(std::move(transaction));
  // ENOENT: somebody else removed it meanwhile.
  if (!ack.ok() && ack.error != ENOENT) {
    throw netlink::Error(ack, "remove rules of the reference plugins");
  }
}

void remove_own_chain(nft::NftSocket& socket, const OwnChain& own) {
  nft::Transaction transaction;
  for (const std::string& from : own.entered_from) {
    for (const nft::Rule& rule : socket.list_rules(own.table, from)) {
      if (rule.jump == own.chain) {
        transaction.remove_rule(own.table, from, rule.handle);
      }
    }
  }
  transaction.flush_chain(own.table, own.chain);
  transaction.remove_chain(own.table, own.chain);
  commit(socket, std::move(transaction));
}

void remove_commented_rules(nft::NftSocket& socket, const CommentedRules& rules) {
  nft::Transaction transaction;
  for (const nft::Rule& rule : socket.list_rules(rules.table, rules.chain)) {
    if (rules.wanted(rule)) {
      transaction.remove_rule(rules.table, rules.chain, rule.handle);
    }
  }
  commit(socket, std::move(transaction));
}

}  // namespace

void remove_leftovers_if_present(nft::NftSocket& socket, std::span<const OwnChain> chains,
                                 std::span<const CommentedRules> rules) {
  std::vector<std::pair<nft::Table, std::string>> wanted;
  for (const CommentedRules& commented : rules) {
    wanted.emplace_back(commented.table, commented.chain);
  }
  for (const OwnChain& own : chains) {
    wanted.emplace_back(own.table, own.chain);
  }
  const std::vector<bool> present = socket.have_chains(wanted);
  ErrorList errors;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (present[i] && i < rules.size()) {
      errors.attempt([&] { remove_commented_rules(socket, rules[i]); });
    } else if (present[i]) {
      errors.attempt([&] { remove_own_chain(socket, chains[i - rules.size()]); });
    }
  }
  errors.throw_if_any();
}

void remove_reference_rules_if_present(nft::NftSocket& socket, const Attachment& attachment) {
  const nft::Table reference_masquerade = {nft::TableFamily::kInet, "cni_plugins_masquerade"};
  const std::string masquerade_chain =
      concat("CNI-", sha512_hex(attachment.network + attachment.container_id, 24));
  const std::string mac_chain =
      concat("cni-br-iface-", attachment.container_id, '-', attachment.ifname);
  const std::string mac_inner_chain = concat(mac_chain, "-mac");
  const nft::Table ip_nat = {nft::TableFamily::kIp, "nat"};
  const nft::Table ip6_nat = {nft::TableFamily::kIp6, "nat"};
  const nft::Table bridge_nat = {nft::TableFamily::kBridge, "nat"};

  const OwnChain own_chains[] = {{ip_nat, masquerade_chain, {"POSTROUTING"}},
                                 {ip6_nat, masquerade_chain, {"POSTROUTING"}},
                                 {bridge_nat, mac_chain, {"PREROUTING"}},
                                 {bridge_nat, mac_inner_chain, {mac_chain}}};
  const CommentedRules masquerade_rules = {reference_masquerade, "masq_checks",
                                           [key = owner_key(attachment)](const nft::Rule& rule) {
                                             return key_in_comment(rule.comment) == key;
                                           }};
  remove_leftovers_if_present(socket, own_chains, {&masquerade_rules, 1});
}

}  // namespace linnet::attach
