#include "netlink/nftables.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/text.h"
#include "netlink/internal/nft_build.h"
#include "netlink/internal/nft_parse.h"

namespace linnet::netlink::nft {

namespace {

// Answers that fit into the receive buffer together.
constexpr std::size_t kQuestionsPerDatagram = 32;
// From so many keys of one set on, listing all of it costs less than asking for each.
constexpr std::size_t kListFrom = 1024;

// A kernel without the address family knows no table of it.
bool is_absence(const Ack& ack) { return ack.error == ENOENT || ack.error == EAFNOSUPPORT; }

static_assert(int{NF_INET_POST_ROUTING} == int{NF_BR_POST_ROUTING} &&
              static_cast<int>(Hook::kPostrouting) == int{NF_INET_POST_ROUTING} &&
              int{NF_INET_FORWARD} == int{NF_BR_FORWARD} &&
              static_cast<int>(Hook::kForward) == int{NF_INET_FORWARD});
static_assert(priority::kRaw == NF_IP_PRI_RAW && priority::kDestinationNat == NF_IP_PRI_NAT_DST &&
              priority::kSourceNat == NF_IP_PRI_NAT_SRC &&
              priority::kBridgeDestinationNat == NF_BR_PRI_NAT_DST_BRIDGED);

}  // namespace

Transaction::Transaction() {
  batch_.append(batch_begin().header(), "begin an nftables transaction", Batch::Answer::kNone);
}

void Transaction::append(const MessageBuffer& message, std::string what) {
  batch_.append(message.header(), std::move(what));
  ++changes_;
}

Batch Transaction::finish() && {
  batch_.append(batch_end().header(), "end an nftables transaction", Batch::Answer::kNone);
  return std::move(batch_);
}

void Transaction::add_table(const Table& table) {
  append(table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE, table),
         concat("add nftables table ", table.name));
}

void Transaction::add_chain(const Table& table, const NewChain& chain) {
  append(new_chain(table, chain), concat("add nftables chain ", table.name, " ", chain.name));
}

void Transaction::add_set(const Table& table, const NewSet& set, bool exclusive) {
  append(new_set(table, set, exclusive, next_set_id_++),
         concat("add nftables set ", table.name, " ", set.name));
}

void Transaction::add_rule(const Table& table, const NewRule& rule) {
  put_rule(NLM_F_CREATE | NLM_F_APPEND, table, rule);
}

void Transaction::insert_rule(const Table& table, const NewRule& rule) {
  put_rule(NLM_F_CREATE, table, rule);
}

void Transaction::put_rule(int flags, const Table& table, const NewRule& rule) {
  append(new_rule(flags, table, rule),
         concat("add a rule to nftables chain ", table.name, " ", rule.chain));
}

void Transaction::add_element(const Table& table, const std::string& set, const Element& element) {
  const Element* const one = &element;
  add_elements(table, set, {&one, 1});
}

void Transaction::ensure_element(const Table& table, const std::string& set,
                                 const Element& element) {
  const Element* const one = &element;
  ensure_elements(table, set, {&one, 1});
}

void Transaction::remove_element(const Table& table, const std::string& set,
                                 const Element& element) {
  const Element* const one = &element;
  remove_elements(table, set, {&one, 1});
}

void Transaction::add_elements(const Table& table, const std::string& set, Elements elements) {
  change_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, table, set, elements);
}

void Transaction::ensure_elements(const Table& table, const std::string& set, Elements elements) {
  change_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, elements);
}

void Transaction::remove_elements(const Table& table, const std::string& set, Elements elements) {
  change_elements(NFT_MSG_DELSETELEM, 0, table, set, elements);
}

void Transaction::change_elements(int type, int flags, const Table& table, const std::string& set,
                                  Elements elements) {
  while (!elements.empty()) {
    const Elements part = elements.first(std::min(elements.size(), kElementsPerMessage));
    append(element_message(type, flags, table, set, part),
           concat(type == NFT_MSG_NEWSETELEM ? "add an element to" : "remove an element of",
                  " nftables set ", table.name, " ", set));
    elements = elements.subspan(part.size());
  }
}

void Transaction::remove_rule(const Table& table, const std::string& chain, std::uint64_t handle) {
  append(rule_message(NFT_MSG_DELRULE, 0, table, chain, handle),
         concat("remove rule ", handle, " of nftables chain ", table.name, " ", chain));
}

void Transaction::flush_chain(const Table& table, const std::string& chain) {
  append(rule_message(NFT_MSG_DELRULE, 0, table, chain, std::nullopt),
         concat("flush nftables chain ", table.name, " ", chain));
}

void Transaction::remove_chain(const Table& table, const std::string& chain) {
  append(chain_message(NFT_MSG_DELCHAIN, table, chain),
         concat("remove nftables chain ", table.name, " ", chain));
}

NftSocket::NftSocket() : socket_(NETLINK_NETFILTER) {}

Ack NftSocket::commit(Transaction transaction) {
  if (transaction.empty()) {
    return {};
  }
  for (Ack& ack : socket_.exchange(std::move(transaction).finish())) {
    if (!ack.ok()) {
      return std::move(ack);
    }
  }
  return {};
}

void NftSocket::execute(Transaction transaction) {
  if (!transaction.empty()) {
    socket_.execute(std::move(transaction).finish());
  }
}

std::vector<bool> NftSocket::have_chains(const std::vector<std::pair<Table, std::string>>& chains) {
  if (chains.empty()) {
    return {};
  }
  Batch batch;
  for (const auto& [table, chain] : chains) {
    batch.append(chain_message(NFT_MSG_GETCHAIN, table, chain).header(),
                 concat("look up nftables chain ", table.name, " ", chain), Batch::Answer::kObject);
  }
  std::vector<bool> found;
  const std::vector<Ack> acks = socket_.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && !is_absence(acks[i])) {
      throw Error(acks[i], batch.what(i));
    }
    found.push_back(acks[i].ok());
  }
  return found;
}

std::optional<Policy> NftSocket::find_policy(const Table& table, const std::string& chain) {
  Batch batch;
  batch.append(chain_message(NFT_MSG_GETCHAIN, table, chain).header(),
               concat("look up nftables chain ", table.name, " ", chain), Batch::Answer::kObject);
  std::optional<Policy> policy;
  const std::vector<Ack> acks = socket_.exchange(batch, [&](std::size_t, const nlmsghdr* message) {
    if (is_about(message, NFT_MSG_NEWCHAIN)) {
      policy = parse_policy(message);
    }
  });
  if (!acks[0].ok() && !is_absence(acks[0])) {
    throw Error(acks[0], batch.what(0));
  }
  return policy;
}

void NftSocket::dump(const MessageBuffer& question, std::string what,
                     const std::function<void(const nlmsghdr*)>& receiver,
                     const std::function<void()>& restart) {
  Batch batch;
  batch.append(question.header(), std::move(what), Batch::Answer::kDump);
  try {
    socket_.dump(batch, restart, [&](std::size_t, const nlmsghdr* message) { receiver(message); });
  } catch (const Error& error) {
    if (error.code() != ENOENT) {
      throw;
    }
    restart();
  }
}

std::vector<Rule> NftSocket::list_rules(const Table& table, const std::string& chain) {
  std::vector<Rule> rules;
  dump(
      rule_message(NFT_MSG_GETRULE, NLM_F_DUMP, table, chain, std::nullopt),
      concat("list rules of nftables chain ", table.name, " ", chain),
      [&](const nlmsghdr* message) {
        if (is_about(message, NFT_MSG_NEWRULE)) {
          rules.push_back(parse_rule(message));
        }
      },
      [&] { rules.clear(); });
  return rules;
}

std::vector<std::string> NftSocket::list_sets(const Table& table) {
  std::vector<std::string> names;
  dump(
      set_dump(table), concat("list sets of nftables table ", table.name),
      [&](const nlmsghdr* message) {
        if (is_about(message, NFT_MSG_NEWSET)) {
          names.push_back(parse_set_name(message));
        }
      },
      [&] { names.clear(); });
  return names;
}

std::vector<Element> NftSocket::list_elements(const Table& table, const std::string& set) {
  std::vector<Element> elements;
  dump(
      element_message(NFT_MSG_GETSETELEM, NLM_F_DUMP, table, set, {}),
      concat("list elements of nftables set ", table.name, " ", set),
      [&](const nlmsghdr* message) {
        if (is_about(message, NFT_MSG_NEWSETELEM)) {
          parse_elements(message, elements);
        }
      },
      [&] { elements.clear(); });
  return elements;
}

std::optional<Element> NftSocket::find_element(const Table& table, const std::string& set,
                                               const std::vector<unsigned char>& key) {
  const ElementKey question = {set, key};
  return find_elements(table, {&question, 1}).front();
}

std::vector<std::optional<Element>> NftSocket::find_elements(const Table& table,
                                                             std::span<const ElementKey> keys) {
  std::map<std::string_view, std::vector<std::size_t>> positions;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    positions[keys[i].set].push_back(i);
  }
  std::vector<std::optional<Element>> found(keys.size());
  std::vector<std::size_t> asked;
  for (const auto& [set, of_set] : positions) {
    if (of_set.size() < kListFrom) {
      asked.insert(asked.end(), of_set.begin(), of_set.end());
      continue;
    }
    std::map<std::vector<unsigned char>, Element> listed;
    for (Element& element : list_elements(table, std::string(set))) {
      listed.try_emplace(element.key, std::move(element));
    }
    for (const std::size_t i : of_set) {
      const auto element = listed.find(keys[i].key);
      found[i] = element == listed.end() ? std::nullopt : std::optional(element->second);
    }
  }
  for (std::span<const std::size_t> left = asked; !left.empty();) {
    const auto part = left.first(std::min(left.size(), kQuestionsPerDatagram));
    ask_for_elements(table, keys, part, found);
    left = left.subspan(part.size());
  }
  return found;
}

void NftSocket::ask_for_elements(const Table& table, std::span<const ElementKey> keys,
                                 std::span<const std::size_t> positions,
                                 std::vector<std::optional<Element>>& found) {
  Batch batch;
  for (const std::size_t position : positions) {
    const ElementKey& key = keys[position];
    const Element element = {.key = key.key};
    const Element* const one = &element;
    batch.append(element_message(NFT_MSG_GETSETELEM, 0, table, key.set, {&one, 1}).header(),
                 concat("look up an element of nftables set ", table.name, " ", key.set),
                 Batch::Answer::kObject);
  }
  const std::vector<Ack> acks =
      socket_.exchange(batch, [&](std::size_t i, const nlmsghdr* message) {
        std::vector<Element> elements;
        parse_elements(message, elements);
        if (!elements.empty()) {
          found[positions[i]] = std::move(elements.front());
        }
      });
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && acks[i].error != ENOENT) {
      throw Error(acks[i], batch.what(i));
    }
  }
}

}  // namespace linnet::netlink::nft
