#include "netlink/nftables.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "netlink/message.h"
#include "netlink/nft_encode.h"
#include "netlink/nft_parse.h"

namespace linnet::netlink::nft {

namespace {

Message batch_border(int type) {
  nfgenmsg header{};
  header.version = NFNETLINK_V0;
  header.res_id = htons(NFNL_SUBSYS_NFTABLES);
  Message message(type, 0);
  message.header(header);
  return message;
}

bool is_about(const nlmsghdr* message, int type) {
  return header_of<nfgenmsg>(message, NFNL_SUBSYS_NFTABLES << 8 | type) != nullptr;
}

// A kernel without the address family knows no table of it.
bool is_absence(const Ack& ack) { return ack.error == ENOENT || ack.error == EAFNOSUPPORT; }

std::uint32_t length_of(FieldType field) {
  switch (field) {
    case FieldType::kInetProtocol:
      return 1;
    case FieldType::kInetService:
      return 2;
    case FieldType::kIpv4Address:
    case FieldType::kMark:
      return 4;
    case FieldType::kEtherAddress:
      return 6;
    case FieldType::kIpv6Address:
    case FieldType::kIfname:
      return 16;
  }
  return 0;
}

std::uint32_t length_of(const Fields& fields) {
  if (fields.size() == 1) {
    return length_of(fields.front());
  }
  std::uint32_t length = 0;
  for (const FieldType field : fields) {
    length += (length_of(field) + 3) & ~3U;
  }
  return length;
}

// nft(8) gives each field of a concatenation six bits.
std::uint32_t type_of(const Fields& fields) {
  std::uint32_t type = 0;
  for (const FieldType field : fields) {
    type = type << 6U | static_cast<std::uint32_t>(field);
  }
  return type;
}

// A list is one attribute, whose length is a 16-bit number. An element is at most this long: two values of
// a few registers, a comment, and the headers.
constexpr std::size_t kElementsPerMessage = 200;
constexpr std::size_t kElementHeaders = 40;
static_assert(kElementsPerMessage * (2 * 64 + 128 + kElementHeaders) < 65535);
// Answers that fit into the receive buffer together.
constexpr std::size_t kQuestionsPerDatagram = 32;

Message element_message(int type, int flags, const Table& table, const std::string& set,
                        std::span<const Element> elements) {
  Message message = nft_message(type, flags, table);
  // Those of one set are alike.
  const Element& first = elements.front();
  message.reserve(256 + elements.size() * (first.key.size() + first.data.size() +
                                           first.comment.size() + kElementHeaders));
  message.text(NFTA_SET_ELEM_LIST_TABLE, table.name).text(NFTA_SET_ELEM_LIST_SET, set);
  message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
    for (const Element& element : elements) {
      message.nest(NFTA_LIST_ELEM, [&] {
        message.nest(NFTA_SET_ELEM_KEY, [&] { message.bytes(NFTA_DATA_VALUE, element.key); });
        if (!element.data.empty() && type == NFT_MSG_NEWSETELEM) {
          message.nest(NFTA_SET_ELEM_DATA, [&] { message.bytes(NFTA_DATA_VALUE, element.data); });
        }
        if (type == NFT_MSG_NEWSETELEM) {
          put_comment(message, NFTA_SET_ELEM_USERDATA, element.comment);
        }
      });
    }
  });
  return message;
}

// What nft(8) keeps with a set to print its keys by: a number (NFTNL_UDATA_SET_KEYBYTEORDER) of four bytes
// that says "host order".
const unsigned char kHostOrderedKey[] = {0, 4, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 1 : 0,
                                         0, 0, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 1};

Message element_question(const Table& table, const ElementKey& key) {
  const Element element = {.key = key.key};
  return element_message(NFT_MSG_GETSETELEM, 0, table, key.set, {&element, 1});
}

}  // namespace

Transaction::Transaction() {
  batch_.append(batch_border(NFNL_MSG_BATCH_BEGIN), "begin an nftables transaction",
                Batch::Answer::kNone);
}

void Transaction::append(const Message& message, std::string what) {
  batch_.append(message, std::move(what));
  ++changes_;
}

void Transaction::add_table(const Table& table) {
  Message message = nft_message(NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
  message.text(NFTA_TABLE_NAME, table.name);
  append(message, concat("add nftables table ", table.name));
}

void Transaction::add_chain(const Table& table, const NewChain& chain) {
  Message message =
      nft_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE | (chain.exclusive ? NLM_F_EXCL : 0), table);
  message.text(NFTA_CHAIN_TABLE, table.name).text(NFTA_CHAIN_NAME, chain.name);
  if (!chain.type.empty()) {
    message.nest(NFTA_CHAIN_HOOK, [&] {
      message.be32(NFTA_HOOK_HOOKNUM, chain.hook)
          .be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.priority));
    });
    message.text(NFTA_CHAIN_TYPE, chain.type);
  }
  append(message, concat("add nftables chain ", table.name, " ", chain.name));
}

void Transaction::add_set(const Table& table, const NewSet& set, bool exclusive) {
  Message message = nft_message(NFT_MSG_NEWSET, NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0), table);
  message.text(NFTA_SET_TABLE, table.name)
      .text(NFTA_SET_NAME, set.name)
      .be32(NFTA_SET_FLAGS, set.data.empty() ? 0U : std::uint32_t{NFT_SET_MAP})
      .be32(NFTA_SET_KEY_TYPE, type_of(set.key))
      .be32(NFTA_SET_KEY_LEN, length_of(set.key))
      .be32(NFTA_SET_ID, next_set_id_++);
  if (set.key == Fields{FieldType::kIfname} || set.key == Fields{FieldType::kMark}) {
    message.bytes(NFTA_SET_USERDATA, kHostOrderedKey);
  }
  if (!set.data.empty()) {
    message.be32(NFTA_SET_DATA_TYPE, type_of(set.data))
        .be32(NFTA_SET_DATA_LEN, length_of(set.data));
  }
  append(message, concat("add nftables set ", table.name, " ", set.name));
}

void Transaction::add_rule(const Table& table, const NewRule& rule) {
  put_rule(NLM_F_CREATE | NLM_F_APPEND, table, rule);
}

void Transaction::insert_rule(const Table& table, const NewRule& rule) {
  put_rule(NLM_F_CREATE, table, rule);
}

void Transaction::put_rule(int flags, const Table& table, const NewRule& rule) {
  Message message = nft_message(NFT_MSG_NEWRULE, flags, table);
  message.text(NFTA_RULE_TABLE, table.name).text(NFTA_RULE_CHAIN, rule.chain);
  put_expressions(message, rule.expressions);
  put_comment(message, NFTA_RULE_USERDATA, rule.comment);
  append(message, concat("add a rule to nftables chain ", table.name, " ", rule.chain));
}

void Transaction::add_element(const Table& table, const std::string& set, const Element& element) {
  add_elements(table, set, {&element, 1});
}

void Transaction::ensure_element(const Table& table, const std::string& set,
                                 const Element& element) {
  change_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, {&element, 1});
}

void Transaction::remove_element(const Table& table, const std::string& set,
                                 const Element& element) {
  remove_elements(table, set, {&element, 1});
}

void Transaction::add_elements(const Table& table, const std::string& set,
                               std::span<const Element> elements) {
  change_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, table, set, elements);
}

void Transaction::remove_elements(const Table& table, const std::string& set,
                                  std::span<const Element> elements) {
  change_elements(NFT_MSG_DELSETELEM, 0, table, set, elements);
}

void Transaction::change_elements(int type, int flags, const Table& table, const std::string& set,
                                  std::span<const Element> elements) {
  while (!elements.empty()) {
    const auto part = elements.first(std::min(elements.size(), kElementsPerMessage));
    append(element_message(type, flags, table, set, part),
           concat(type == NFT_MSG_NEWSETELEM ? "add an element to" : "remove an element of",
                  " nftables set ", table.name, " ", set));
    elements = elements.subspan(part.size());
  }
}

void Transaction::remove_rule(const Table& table, const std::string& chain, std::uint64_t handle) {
  Message message = nft_message(NFT_MSG_DELRULE, 0, table);
  message.text(NFTA_RULE_TABLE, table.name).text(NFTA_RULE_CHAIN, chain);
  message.be64(NFTA_RULE_HANDLE, handle);
  append(message, concat("remove rule ", handle, " of nftables chain ", table.name, " ", chain));
}

void Transaction::flush_chain(const Table& table, const std::string& chain) {
  Message message = nft_message(NFT_MSG_DELRULE, 0, table);
  message.text(NFTA_RULE_TABLE, table.name).text(NFTA_RULE_CHAIN, chain);
  append(message, concat("flush nftables chain ", table.name, " ", chain));
}

void Transaction::remove_chain(const Table& table, const std::string& chain) {
  Message message = nft_message(NFT_MSG_DELCHAIN, 0, table);
  message.text(NFTA_CHAIN_TABLE, table.name).text(NFTA_CHAIN_NAME, chain);
  append(message, concat("remove nftables chain ", table.name, " ", chain));
}

NftSocket::NftSocket() : socket_(NETLINK_NETFILTER) {}

Ack NftSocket::commit(Transaction transaction) {
  transaction.batch_.append(batch_border(NFNL_MSG_BATCH_END), "end an nftables transaction",
                            Batch::Answer::kNone);
  for (Ack& ack : socket_.exchange(transaction.batch_)) {
    if (!ack.ok()) {
      return std::move(ack);
    }
  }
  return {};
}

void NftSocket::execute(Transaction transaction) {
  transaction.batch_.append(batch_border(NFNL_MSG_BATCH_END), "end an nftables transaction",
                            Batch::Answer::kNone);
  socket_.execute(transaction.batch_);
}

std::vector<bool> NftSocket::have_chains(const std::vector<std::pair<Table, std::string>>& chains) {
  Batch batch;
  for (const auto& [table, chain] : chains) {
    Message message = nft_message(NFT_MSG_GETCHAIN, 0, table);
    message.text(NFTA_CHAIN_TABLE, table.name).text(NFTA_CHAIN_NAME, chain);
    batch.append(message, concat("look up nftables chain ", table.name, " ", chain),
                 Batch::Answer::kObject);
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

std::optional<std::uint32_t> NftSocket::find_policy(const Table& table, const std::string& chain) {
  Message question = nft_message(NFT_MSG_GETCHAIN, 0, table);
  question.text(NFTA_CHAIN_TABLE, table.name).text(NFTA_CHAIN_NAME, chain);
  Batch batch;
  batch.append(question, concat("look up nftables chain ", table.name, " ", chain),
               Batch::Answer::kObject);
  std::optional<std::uint32_t> policy;
  const std::vector<Ack> acks = socket_.exchange(batch, [&](std::size_t, const nlmsghdr* message) {
    if (is_about(message, NFT_MSG_NEWCHAIN)) {
      policy = Attributes<NFTA_CHAIN_MAX>(message, sizeof(nfgenmsg)).be32(NFTA_CHAIN_POLICY);
    }
  });
  if (!acks[0].ok() && !is_absence(acks[0])) {
    throw Error(acks[0], batch.what(0));
  }
  return policy;
}

void NftSocket::dump(const Message& question, std::string what,
                     const std::function<void(const nlmsghdr*)>& receiver,
                     const std::function<void()>& restart) {
  Batch batch;
  batch.append(question, std::move(what), Batch::Answer::kDump);
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
  Message question = nft_message(NFT_MSG_GETRULE, NLM_F_DUMP, table);
  question.text(NFTA_RULE_TABLE, table.name).text(NFTA_RULE_CHAIN, chain);
  std::vector<Rule> rules;
  dump(
      question, concat("list rules of nftables chain ", table.name, " ", chain),
      [&](const nlmsghdr* message) {
        if (is_about(message, NFT_MSG_NEWRULE)) {
          rules.push_back(parse_rule(message));
        }
      },
      [&] { rules.clear(); });
  return rules;
}

std::vector<std::string> NftSocket::list_sets(const Table& table) {
  Message question = nft_message(NFT_MSG_GETSET, NLM_F_DUMP, table);
  question.text(NFTA_SET_TABLE, table.name);
  std::vector<std::string> names;
  dump(
      question, concat("list sets of nftables table ", table.name),
      [&](const nlmsghdr* message) {
        if (is_about(message, NFT_MSG_NEWSET)) {
          names.push_back(Attributes<NFTA_SET_MAX>(message, sizeof(nfgenmsg)).text(NFTA_SET_NAME));
        }
      },
      [&] { names.clear(); });
  return names;
}

std::vector<Element> NftSocket::list_elements(const Table& table, const std::string& set) {
  Message question = nft_message(NFT_MSG_GETSETELEM, NLM_F_DUMP, table);
  question.text(NFTA_SET_ELEM_LIST_TABLE, table.name).text(NFTA_SET_ELEM_LIST_SET, set);
  std::vector<Element> elements;
  dump(
      question, concat("list elements of nftables set ", table.name, " ", set),
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
  std::vector<std::optional<Element>> found(keys.size());
  for (std::size_t first = 0; first < keys.size(); first += kQuestionsPerDatagram) {
    const auto part = keys.subspan(first, std::min(keys.size() - first, kQuestionsPerDatagram));
    Batch batch;
    for (const ElementKey& key : part) {
      batch.append(element_question(table, key),
                   concat("look up an element of nftables set ", table.name, " ", key.set),
                   Batch::Answer::kObject);
    }
    const std::vector<Ack> acks =
        socket_.exchange(batch, [&](std::size_t i, const nlmsghdr* message) {
          std::vector<Element> elements;
          if (is_about(message, NFT_MSG_NEWSETELEM)) {
            parse_elements(message, elements);
          }
          if (!elements.empty()) {
            found[first + i] = std::move(elements.front());
          }
        });
    for (std::size_t i = 0; i < acks.size(); ++i) {
      if (!acks[i].ok() && acks[i].error != ENOENT) {
        throw Error(acks[i], batch.what(i));
      }
    }
  }
  return found;
}

}  // namespace linnet::netlink::nft
