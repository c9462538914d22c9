#include "plugins/attach/leftovers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "base/error_list.h"
#include "base/sha512.h"
#include "base/text.h"

namespace linnet::attach {

namespace nft = netlink::nft;

namespace {

// Rules per transaction of a removal, and rounds of the removal of a chain, each of which is lost only to another
// one that was faster.
constexpr std::size_t kChunk = 200;
constexpr int kAttempts = 100;
constexpr std::string_view kWhat = "remove rules of the reference plugins";

// The handles that the chain still has. A handle is never given to another rule.
std::vector<std::uint64_t> find_left(nft::NftSocket& socket, const CommentedRules& rules,
                                     const std::vector<std::uint64_t>& handles) {
  const std::set<std::uint64_t> wanted(handles.begin(), handles.end());
  std::vector<std::uint64_t> left;
  for (const nft::Rule& rule : socket.list_rules(rules.table, rules.chain)) {
    if (wanted.contains(rule.handle)) {
      left.push_back(rule.handle);
    }
  }
  return left;
}

void remove_commented_rules(nft::NftSocket& socket, const CommentedRules& rules) {
  std::vector<std::uint64_t> left;
  for (const nft::Rule& rule : socket.list_rules(rules.table, rules.chain)) {
    if (rules.wanted(rule)) {
      left.push_back(rule.handle);
    }
  }
  std::size_t size = kChunk;
  while (!left.empty()) {
    const std::size_t count = std::min(size, left.size());
    nft::Transaction transaction;
    for (std::size_t i = 0; i < count; ++i) {
      transaction.remove_rule(rules.table, rules.chain, left[i]);
    }
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(count));
      continue;
    }
    // ENOENT: somebody else removed one of them meanwhile, which keeps the rest. There are no more such rounds than
    // rules, and half of a chunk is half as likely to meet somebody again.
    const std::size_t before = left.size();
    left = ack.error == ENOENT ? find_left(socket, rules, left) : left;
    if (left.size() == before) {
      throw netlink::Error(ack, kWhat);
    }
    size = std::max<std::size_t>(size / 2, 1);
  }
}

void remove_own_chain(nft::NftSocket& socket, const OwnChain& own) {
  for (int attempt = 1;; ++attempt) {
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
    const netlink::Ack ack = socket.commit(std::move(transaction));
    // ENOENT: somebody else removed the chain meanwhile, or one of the rules.
    if (ack.ok() ||
        (ack.error == ENOENT && !socket.have_chains({{own.table, own.chain}}).front())) {
      return;
    }
    if (ack.error != ENOENT || attempt == kAttempts) {
      throw netlink::Error(ack, kWhat);
    }
  }
}

const std::array kNatTables = {nft::Table{nft::TableFamily::kIp, "nat"},
                               nft::Table{nft::TableFamily::kIp6, "nat"}};
const nft::Table kMasqueradeTable = {nft::TableFamily::kInet, "cni_plugins_masquerade"};
constexpr const char* kMasqueradeChain = "masq_checks";

// Masquerading by its iptables back end: a chain a container.
std::vector<OwnChain> masquerade_chains(const std::string& network,
                                        const std::string& container_id) {
  const std::string chain = concat("CNI-", sha512_hex(network + container_id, 24));
  std::vector<OwnChain> chains;
  chains.reserve(kNatTables.size());
  for (const nft::Table& table : kNatTables) {
    chains.push_back({table, chain, {"POSTROUTING"}});
  }
  return chains;
}

}  // namespace

std::vector<std::string> find_gone_containers(
    nft::NftSocket& socket, std::span<const std::pair<nft::Table, std::string>> chains,
    std::string_view word, const std::string& network,
    const std::vector<cni::AttachmentKey>& valid) {
  const std::string before = concat(word, "name: \"", network, "\" id: \"");
  std::vector<std::string> gone;
  for (const auto& [table, chain] : chains) {
    for (const nft::Rule& rule : socket.list_rules(table, chain)) {
      if (!rule.comment.starts_with(before)) {
        continue;
      }
      std::string container =
          rule.comment.substr(before.size(), rule.comment.find('"', before.size()) - before.size());
      const bool kept =
          std::ranges::find(valid, container, &cni::AttachmentKey::container_id) != valid.end();
      if (!container.empty() && !kept && std::ranges::find(gone, container) == gone.end()) {
        gone.push_back(std::move(container));
      }
    }
  }
  return gone;
}

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
  const std::string mac_chain =
      concat("cni-br-iface-", attachment.container_id, '-', attachment.ifname);
  const std::string mac_inner_chain = concat(mac_chain, "-mac");
  const nft::Table bridge_nat = {nft::TableFamily::kBridge, "nat"};

  std::vector<OwnChain> own_chains = masquerade_chains(attachment.network, attachment.container_id);
  own_chains.push_back({bridge_nat, mac_chain, {"PREROUTING"}});
  own_chains.push_back({bridge_nat, mac_inner_chain, {mac_chain}});
  const CommentedRules masquerade_rules = {kMasqueradeTable, kMasqueradeChain,
                                           [key = owner_key(attachment)](const nft::Rule& rule) {
                                             return key_in_comment(rule.comment) == key;
                                           }};
  remove_leftovers_if_present(socket, own_chains, {&masquerade_rules, 1});
}

void collect_reference_rules(nft::NftSocket& socket, const std::string& network,
                             const std::vector<cni::AttachmentKey>& valid) {
  const std::pair<nft::Table, std::string> entries[] = {{kNatTables[0], "POSTROUTING"},
                                                        {kNatTables[1], "POSTROUTING"}};
  std::vector<OwnChain> chains;
  for (const std::string& container : find_gone_containers(socket, entries, "", network, valid)) {
    const std::vector<OwnChain> own = masquerade_chains(network, container);
    chains.insert(chains.end(), own.begin(), own.end());
  }
  const CommentedRules rules = {
      kMasqueradeTable, kMasqueradeChain,
      [keys = valid_keys(network, valid), prefix = network_key(network)](const nft::Rule& rule) {
        const std::string_view key = key_in_comment(rule.comment);
        return key.starts_with(prefix) && !keys.contains(key);
      }};
  remove_leftovers_if_present(socket, chains, {&rules, 1});
}

}  // namespace linnet::attach
