// nftables: tables, chains, rules, sets and their elements, changed in transactions.
// Source: nft(8), linux/netfilter/nf_tables.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "netlink/socket.h"

namespace linnet::netlink::nft {

// NFPROTO_*.
enum class TableFamily : std::uint8_t { kInet = 1, kIp = 2, kBridge = 7, kIp6 = 10 };

// A place in the kernel's rule base.
struct Table {
  TableFamily family = TableFamily::kInet;
  std::string name;
};

// A base chain when `type` is given, else a chain that others jump to.
struct NewChain {
  std::string name;
  std::string type;        // "nat", "filter"; empty: not a base chain
  std::uint32_t hook = 0;  // NF_INET_*, NF_BR_*
  std::int32_t priority = 0;
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

// Expressions of a rule, in the kernel's own vocabulary. What loads writes a register, register 1 unless told
// otherwise; everything else reads register 1. Register 1 has 16 bytes; kRegister32 and the following
// seven numbers name the same space, and what lies behind it, in steps of 4 bytes, which is how the
// fields of a concatenation are put side by side.
inline constexpr std::uint32_t kRegister32 = 8;  // NFT_REG32_00

struct MetaLoad {
  std::uint32_t key = 0;  // NFT_META_*
  std::uint32_t into_register = 1;
};
struct PayloadLoad {
  std::uint32_t base = 0;  // NFT_PAYLOAD_*
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t into_register = 1;
};
// What a routing lookup says: with NFT_FIB_RESULT_ADDRTYPE the type (RTN_*, host order) of an address.
struct FibLoad {
  std::uint32_t result = 0;  // NFT_FIB_RESULT_*
  std::uint32_t flags = 0;   // NFTA_FIB_F_*: which address, with which interface
};
// What connection tracking knows of the packet's flow (NFT_CT_*), in host order.
struct ConntrackLoad {
  std::uint32_t key = 0;
};
// Keeps the bits of `mask`, then inverts those of `flip` (empty: none).
struct Mask {
  std::vector<unsigned char> mask;
  std::vector<unsigned char> flip = {};
};
struct Compare {
  bool equal = true;
  std::vector<unsigned char> value;
};
struct InSet {
  std::string set;
};
// The rule goes on where the map has the key, with its data in register 1.
struct MapLookup {
  std::string map;
};
// Writes register 1 to the packet: NFT_META_MARK.
struct MetaStore {
  std::uint32_t key = 0;
};
struct Masquerade {};
// Address and port come from registers.
struct DestinationNat {
  std::uint8_t family = 0;  // NFPROTO_*
  std::uint32_t address_register = 1;
  std::uint32_t port_register = 0;  // 0: the port stays
};
struct Verdict {
  std::int32_t code = 0;  // NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP, NFT_GOTO
  std::string chain;      // of a jump or goto
};
// A match of iptables; `info` is its structure in the kernel.
struct XtablesMatch {
  std::string name;
  std::uint32_t revision = 0;
  std::vector<unsigned char> info;
};
struct Counter {};
using Expression =
    std::variant<MetaLoad, PayloadLoad, FibLoad, Mask, Compare, InSet, MapLookup, Masquerade,
                 DestinationNat, Verdict, ConntrackLoad, MetaStore, XtablesMatch, Counter>;

struct NewRule {
  std::string chain;
  std::vector<Expression> expressions;
  std::string comment;
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
  // As many messages as it takes, some hundred elements each.
  void add_elements(const Table& table, const std::string& set, std::span<const Element> elements);
  void remove_elements(const Table& table, const std::string& set,
                       std::span<const Element> elements);
  void remove_rule(const Table& table, const std::string& chain, std::uint64_t handle);
  void flush_chain(const Table& table, const std::string& chain);
  void remove_chain(const Table& table, const std::string& chain);

  [[nodiscard]] bool empty() const { return changes_ == 0; }

 private:
  friend class NftSocket;
  void append(const Message& message, std::string what);
  void put_rule(int flags, const Table& table, const NewRule& rule);
  void change_elements(int type, int flags, const Table& table, const std::string& set,
                       std::span<const Element> elements);
  Batch batch_;
  std::size_t changes_ = 0;
  std::uint32_t next_set_id_ = 1;
};

// nfnetlink in one namespace. find_ and list_ give absence as an empty answer.
class NftSocket {
 public:
  // In the namespace the calling thread is in.
  NftSocket();

  // The first refusal (ok when all was done). Throws SystemError when the conversation breaks.
  [[nodiscard]] Ack commit(Transaction transaction);
  // As commit, but a refusal is an Error that names the change.
  void execute(Transaction transaction);

  // Whether each of the chains is there, in one round trip.
  [[nodiscard]] std::vector<bool> have_chains(
      const std::vector<std::pair<Table, std::string>>& chains);
  // What becomes of packets that no rule of a base chain decides about: NF_ACCEPT or NF_DROP. Absent when
  // there is no such chain, or when it is no base chain.
  [[nodiscard]] std::optional<std::uint32_t> find_policy(const Table& table,
                                                         const std::string& chain);
  [[nodiscard]] std::vector<Rule> list_rules(const Table& table, const std::string& chain);
  [[nodiscard]] std::vector<std::string> list_sets(const Table& table);
  [[nodiscard]] std::vector<Element> list_elements(const Table& table, const std::string& set);
  // The element with that key, absent when there is none.
  [[nodiscard]] std::optional<Element> find_element(const Table& table, const std::string& set,
                                                    const std::vector<unsigned char>& key);
  // The same for many, in their order, a round trip for some dozens.
  [[nodiscard]] std::vector<std::optional<Element>> find_elements(const Table& table,
                                                                  std::span<const ElementKey> keys);

 private:
  void dump(const Message& question, std::string what,
            const std::function<void(const nlmsghdr*)>& receiver,
            const std::function<void()>& restart);
  Socket socket_;
};

}  // namespace linnet::netlink::nft
