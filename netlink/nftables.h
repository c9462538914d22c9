// nftables: tables, chains, rules, sets and their elements, changed in transactions.
// Source: nft(8), linux/netfilter/nf_tables.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/conversation.h"
#include "netlink/expression.h"

namespace linnet::netlink::nft {

class MessageBuffer;

// NFPROTO_*.
enum class TableFamily : std::uint8_t { kInet = 1, kIp = 2, kBridge = 7, kIp6 = 10 };

// A place in the kernel's rule base.
struct Table {
  TableFamily family = TableFamily::kInet;
  std::string name;
};

// Where packets enter a base chain. The numbers are those of every family here (NF_INET_*, NF_BR_*).
enum class Hook : std::uint32_t { kPrerouting, kInput, kForward, kOutput, kPostrouting };

// Base chains of one hook run by their priority, the lowest first. The names are those of nft(8).
namespace priority {
inline constexpr std::int32_t kRaw = -300;
inline constexpr std::int32_t kDestinationNat = -100;
inline constexpr std::int32_t kFilter = 0;
inline constexpr std::int32_t kSourceNat = 100;
inline constexpr std::int32_t kBridgeDestinationNat = -300;
}  // namespace priority

// What becomes of packets that no rule of a base chain decides about.
enum class Policy { kAccept, kDrop };

// Bytes of an interface's name as a key, with at least one zero at the end (IFNAMSIZ).
inline constexpr std::size_t kIfnameLength = 16;
// Bytes of a comment; a longer one is cut off.
inline constexpr std::size_t kLongestComment = 127;

// A base chain when `type` is given, else a chain that others jump to.
struct NewChain {
  std::string name;
  std::string type;  // "nat", "filter"; empty: not a base chain
  Hook hook = Hook::kPrerouting;
  std::int32_t priority = priority::kFilter;
  bool exclusive = false;  // EEXIST when it is there already
};

// Types of keys and data, with the numbers that nft(8) prints them by.
enum class FieldType : std::uint32_t {
  kIpv4Address = 7,
  kIpv6Address = 8,
  kEtherAddress = 9,
  kInetProtocol = 12,  // IPPROTO_*, one byte
  kInetService = 13,   // a port in network order
  kMark = 19,          // in host order
  kIfname = 41,        // sixteen bytes, padded with zeros
};

// One field, or several that are concatenated: then each is padded with zeros to a multiple of 4 bytes,
// in the set's elements as in the registers.
using Fields = std::vector<FieldType>;

struct NewSet {
  std::string name;
  Fields key = {FieldType::kIpv4Address};
  Fields data = {};  // of a map; empty: a set
};

struct Element {
  std::vector<unsigned char> key;
  std::vector<unsigned char> data = {};  // of a map's element
  std::string comment = {};
  friend bool operator==(const Element&, const Element&) = default;
};

struct NewRule {
  std::string chain;
  Expressions expressions;  // match.h
  std::string comment = {};
};

// A rule as the kernel lists it: enough to recognise and delete it.
struct Rule {
  std::uint64_t handle = 0;
  std::string comment;  // nft's, or else that of an iptables comment match
  std::string jump;     // the chain of its jump or goto, empty: none
  std::vector<std::vector<unsigned char>> values;  // constants it compares with or loads
};

// A key of a set.
struct ElementKey {
  std::string set;
  std::vector<unsigned char> key;
};

// All or nothing: either every change is made or none is.
class Transaction {
 public:
  Transaction();

  // Added when missing (`exclusive`: EEXIST when there). A new base chain accepts what no rule decides
  // about; one that is there keeps its policy.
  void add_table(const Table& table);
  void add_chain(const Table& table, const NewChain& chain);
  void add_set(const Table& table, const NewSet& set, bool exclusive);
  // At the end of its chain.
  void add_rule(const Table& table, const NewRule& rule);
  // In front of all others.
  void insert_rule(const Table& table, const NewRule& rule);
  // EEXIST when the set or map has the key already, whatever its data and comment.
  void add_element(const Table& table, const std::string& set, const Element& element);
  // Added when missing; the one of a set that is there keeps its comment.
  void ensure_element(const Table& table, const std::string& set, const Element& element);
  void remove_element(const Table& table, const std::string& set, const Element& element);
  // Many at a time, in as few messages as it takes. As add_element(), ensure_element(), remove_element().
  using Elements = std::span<const Element* const>;
  void add_elements(const Table& table, const std::string& set, Elements elements);
  void ensure_elements(const Table& table, const std::string& set, Elements elements);
  void remove_elements(const Table& table, const std::string& set, Elements elements);
  void remove_rule(const Table& table, const std::string& chain, std::uint64_t handle);
  void flush_chain(const Table& table, const std::string& chain);
  void remove_chain(const Table& table, const std::string& chain);

  [[nodiscard]] bool empty() const { return changes_ == 0; }

 private:
  friend class NftSocket;
  void append(const MessageBuffer& message, std::string what);
  void put_rule(int flags, const Table& table, const NewRule& rule);
  void change_elements(int type, int flags, const Table& table, const std::string& set,
                       Elements elements);
  Batch finish() &&;
  Batch batch_;
  std::size_t changes_ = 0;
  std::uint32_t next_set_id_ = 1;
};

// nfnetlink in one namespace. find_ and list_ give absence as an empty answer.
class NftSocket {
 public:
  // In the namespace the calling thread is in.
  NftSocket();

  // The first refusal (ok when all was done). Nothing is sent for an empty transaction. Throws SystemError when the
  // conversation breaks; AnswerLost among it says that the kernel may have done all of it.
  [[nodiscard]] Ack commit(Transaction transaction);
  // As commit, but a refusal is an Error that names the change.
  void execute(Transaction transaction);

  // Whether each of the chains is there, in one round trip.
  [[nodiscard]] std::vector<bool> have_chains(
      const std::vector<std::pair<Table, std::string>>& chains);
  // Absent when there is no such chain, or when it is no base chain.
  [[nodiscard]] std::optional<Policy> find_policy(const Table& table, const std::string& chain);
  [[nodiscard]] std::vector<Rule> list_rules(const Table& table, const std::string& chain);
  [[nodiscard]] std::vector<std::string> list_sets(const Table& table);
  [[nodiscard]] std::vector<Element> list_elements(const Table& table, const std::string& set);
  // The element with that key, absent when there is none.
  [[nodiscard]] std::optional<Element> find_element(const Table& table, const std::string& set,
                                                    const std::vector<unsigned char>& key);
  // The same for many, in their order: one round trip for some dozens, and a dump of each set that more than a thousand
  // keys are of.
  [[nodiscard]] std::vector<std::optional<Element>> find_elements(const Table& table,
                                                                  std::span<const ElementKey> keys);

 private:
  void dump(const MessageBuffer& question, std::string what,
            const std::function<void(const nlmsghdr*)>& receiver,
            const std::function<void()>& restart);
  // Asks for the keys at `positions`, in one datagram.
  void ask_for_elements(const Table& table, std::span<const ElementKey> keys,
                        std::span<const std::size_t> positions,
                        std::vector<std::optional<Element>>& found);
  Socket socket_;
};

}  // namespace linnet::netlink::nft
