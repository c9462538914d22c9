#include "plugins/attach/leftovers.h"

#include <cerrno>

#include "base/error_list.h"
#include "base/sha512.h"
#include "base/text.h"

namespace linnet::attach {

namespace nft = netlink::nft;

namespace {

// A chain of the reference that belongs to one container, and the shared chain that jumps to it.
struct OwnChain {
  nft::Table table;
  std::string chain;
  std::string entered_from;
};

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
  for (const nft::Rule& rule : socket.list_rules(own.table, own.entered_from)) {
    if (rule.jump == own.chain) {
      transaction.remove_rule(own.table, own.entered_from, rule.handle);
    }
  }
  transaction.flush_chain(own.table, own.chain);
  transaction.remove_chain(own.table, own.chain);
  commit(socket, std::move(transaction));
}

void remove_commented_rules(nft::NftSocket& socket, const nft::Table& table,
                            const std::string& chain, std::string_view key) {
  nft::Transaction transaction;
  for (const nft::Rule& rule : socket.list_rules(table, chain)) {
    if (key_in_comment(rule.comment) == key) {
      transaction.remove_rule(table, chain, rule.handle);
    }
  }
  commit(socket, std::move(transaction));
}

}  // namespace

void remove_reference_rules_if_present(nft::NftSocket& socket, const Attachment& attachment) {
  const nft::Table reference_masquerade = {nft::TableFamily::kInet, "cni_plugins_masquerade"};
  const std::string masquerade_checks = "masq_checks";
  const std::string masquerade_chain =
      concat("CNI-", sha512_hex(attachment.network + attachment.container_id, 24));
  const std::string mac_chain =
      concat("cni-br-iface-", attachment.container_id, '-', attachment.ifname);
  const std::string mac_inner_chain = concat(mac_chain, "-mac");
  const nft::Table ip_nat = {nft::TableFamily::kIp, "nat"};
  const nft::Table ip6_nat = {nft::TableFamily::kIp6, "nat"};
  const nft::Table bridge_nat = {nft::TableFamily::kBridge, "nat"};

  const std::vector<OwnChain> own_chains = {{ip_nat, masquerade_chain, "POSTROUTING"},
                                            {ip6_nat, masquerade_chain, "POSTROUTING"},
                                            {bridge_nat, mac_chain, "PREROUTING"},
                                            {bridge_nat, mac_inner_chain, mac_chain}};
  std::vector<std::pair<nft::Table, std::string>> wanted = {
      {reference_masquerade, masquerade_checks}};
  for (const OwnChain& own : own_chains) {
    wanted.emplace_back(own.table, own.chain);
  }
  const std::vector<bool> present = socket.have_chains(wanted);

  ErrorList errors;
  if (present[0]) {
    errors.attempt([&] {
      remove_commented_rules(socket, reference_masquerade, masquerade_checks,
                             owner_key(attachment));
    });
  }
  for (std::size_t i = 0; i < own_chains.size(); ++i) {
    if (present[i + 1]) {
      errors.attempt([&] { remove_own_chain(socket, own_chains[i]); });
    }
  }
  errors.throw_if_any();
}

}  // namespace linnet::attach
