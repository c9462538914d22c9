#include "plugins/meta/portmap/layout.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

#include "base/text.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

using Bytes = std::vector<unsigned char>;
using Expressions = std::vector<nft::Expression>;

constexpr std::string_view kPrerouting = "prerouting";
constexpr std::string_view kOutput = "output";
constexpr std::string_view kPostrouting = "postrouting";
constexpr std::string_view kLoopbackGuard = "loopback_guard";
constexpr std::string_view kPublished = "published";
constexpr std::string_view kHairpinMarks = "hairpin_marks";
constexpr std::string_view kConditional = "conditional";

// One after NF_IP_PRI_NAT_DST: what others translate is theirs, the live containers of the reference
// plugins included.
constexpr std::int32_t kDestinationNat = -99;
constexpr std::int32_t kSourceNat = 100;         // NF_IP_PRI_NAT_SRC
constexpr std::int32_t kBeforeConntrack = -300;  // NF_IP_PRI_RAW
constexpr std::uint32_t kLoopbackIndex = 1;      // of lo, in every network namespace

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};

struct Protocol {
  unsigned char number;
  std::uint32_t source_offset;
  std::uint32_t destination_offset;
  std::uint32_t address_length;
  std::uint32_t registers;  // of 4 bytes, that an address takes
  nft::FieldType type;
};

Protocol protocol_of(Family family) {
  return family == Family::kIpv4
             ? Protocol{NFPROTO_IPV4, 12, 16, 4, 1, nft::FieldType::kIpv4Address}
             : Protocol{NFPROTO_IPV6, 8, 24, 16, 4, nft::FieldType::kIpv6Address};
}

Bytes bytes_of(std::uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

void append(Expressions& to, Expressions more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Expressions of_family(Family family) {
  return {nft::MetaLoad{NFT_META_NFPROTO}, nft::Compare{true, {protocol_of(family).number}}};
}

nft::PayloadLoad source_of(Family family) {
  const Protocol protocol = protocol_of(family);
  return {NFT_PAYLOAD_NETWORK_HEADER, protocol.source_offset, protocol.address_length};
}

nft::PayloadLoad destination_of(Family family, std::uint32_t into = NFT_REG_1) {
  const Protocol protocol = protocol_of(family);
  return {NFT_PAYLOAD_NETWORK_HEADER, protocol.destination_offset, protocol.address_length, into};
}

Bytes netmask(Family family, unsigned prefix_length) {
  const IpAddress ones = *IpAddress::from_bytes(Bytes(protocol_of(family).address_length, 0xff));
  const IpAddress mask = Cidr(ones, prefix_length).first();
  return {mask.bytes().begin(), mask.bytes().end()};
}

// "ip saddr PREFIX"; nothing for a prefix that holds every address.
Expressions from_network(const Cidr& network) {
  Expressions expressions = of_family(network.family());
  if (network.prefix_length() != 0) {
    const IpAddress first = network.first();
    append(expressions, {source_of(network.family()),
                         nft::Mask{netmask(network.family(), network.prefix_length())},
                         nft::Compare{true, {first.bytes().begin(), first.bytes().end()}}});
  }
  return expressions;
}

// Only connections whose destination somebody translated.
Expressions translated() {
  return {nft::ConntrackLoad{NFT_CT_STATUS}, nft::Mask{bytes_of(IPS_DST_NAT)},
          nft::Compare{false, bytes_of(0)}};
}

// [ip daddr .] meta l4proto . th dport map @MAP, then the translation.
Expressions redirect(Family family, const std::string& map, bool with_address) {
  const Protocol protocol = protocol_of(family);
  Expressions expressions;
  std::uint32_t next = nft::kRegister32;
  if (with_address) {
    expressions.emplace_back(destination_of(family));
    next += protocol.registers;
  }
  append(expressions,
         {nft::MetaLoad{NFT_META_L4PROTO, next},
          nft::PayloadLoad{NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, next + 1}, nft::MapLookup{map},
          nft::DestinationNat{protocol.number, NFT_REG_1, nft::kRegister32 + protocol.registers}});
  return expressions;
}

std::string rule_name(const Scope& scope, bool with_address) {
  return concat("redirect by ", with_address ? scope.host_ports_map() : scope.ports_map());
}

std::string loops_rule_name(Family family) { return concat("masquerade by ", loops_set(family)); }

std::string mark_rule_name(const Hairpin& hairpin) { return concat("mark for ", hairpin.set()); }

std::string hairpin_rule_name(const Hairpin& hairpin) {
  return concat("masquerade by ", hairpin.set());
}

void add_jump(nft::Transaction& transaction, std::string_view from, std::string_view to,
              Expressions only_if = {}) {
  only_if.emplace_back(nft::Verdict{NFT_JUMP, std::string(to)});
  transaction.add_rule(
      kTable,
      {.chain = std::string(from), .expressions = std::move(only_if), .comment = std::string(to)});
}

void add_maps(nft::Transaction& transaction, const Scope& scope) {
  const nft::FieldType address = protocol_of(scope.family).type;
  const nft::Fields port = {nft::FieldType::kInetProtocol, nft::FieldType::kInetService};
  const nft::Fields target = {address, nft::FieldType::kInetService};
  transaction.add_set(kTable, {.name = scope.ports_map(), .key = port, .data = target}, true);
  transaction.add_set(
      kTable, {.name = scope.host_ports_map(), .key = {address, port[0], port[1]}, .data = target},
      true);
}

// A mapping of one address wins over one of every address.
void add_redirects(nft::Transaction& transaction, std::string_view chain, const Scope& scope) {
  for (const bool with_address : {true, false}) {
    Expressions expressions = of_family(scope.family);
    append_expressions(expressions, scope.conditions);
    append(expressions,
           redirect(scope.family, with_address ? scope.host_ports_map() : scope.ports_map(),
                    with_address));
    transaction.add_rule(kTable, {.chain = std::string(chain),
                                  .expressions = std::move(expressions),
                                  .comment = rule_name(scope, with_address)});
  }
}

void add_base_chain(nft::Transaction& transaction, std::string_view name, std::string_view type,
                    std::uint32_t hook, std::int32_t priority) {
  transaction.add_chain(
      kTable,
      {.name = std::string(name), .type = std::string(type), .hook = hook, .priority = priority});
}

void add_chains(nft::Transaction& transaction) {
  transaction.add_table(kTable);
  for (const std::string_view chain : {kHairpinMarks, kConditional, kPublished}) {
    transaction.add_chain(kTable, {.name = std::string(chain), .type = {}});
  }
  add_base_chain(transaction, kPrerouting, "nat", NF_INET_PRE_ROUTING, kDestinationNat);
  add_base_chain(transaction, kOutput, "nat", NF_INET_LOCAL_OUT, kDestinationNat);
  add_base_chain(transaction, kPostrouting, "nat", NF_INET_POST_ROUTING, kSourceNat);
  add_base_chain(transaction, kLoopbackGuard, "filter", NF_INET_PRE_ROUTING, kBeforeConntrack);
}

// route_localnet, which 127.0.0.1 needs, also lets neighbours on that link talk to and as 127.0.0.1.
void add_loopback_guard(nft::Transaction& transaction) {
  for (const nft::PayloadLoad& address :
       {source_of(Family::kIpv4), destination_of(Family::kIpv4)}) {
    Expressions expressions = {nft::MetaLoad{NFT_META_IIF},
                               nft::Compare{false, bytes_of(kLoopbackIndex)}};
    append(expressions, of_family(Family::kIpv4));
    append(expressions, {address, nft::Mask{netmask(Family::kIpv4, 8)},
                         nft::Compare{true, {127, 0, 0, 0}}, nft::Verdict{NF_DROP, {}}});
    transaction.add_rule(kTable, {.chain = std::string(kLoopbackGuard),
                                  .expressions = std::move(expressions),
                                  .comment = "127.0.0.0/8 stays in this host"});
  }
}

// The answer to ::1 would have to come in for ::1, which the kernel refuses from another link.
void add_ipv6_loopback_exception(nft::Transaction& transaction) {
  Bytes loopback(16);
  loopback[15] = 1;
  Expressions expressions = of_family(Family::kIpv6);
  append(expressions, {destination_of(Family::kIpv6), nft::Compare{true, loopback},
                       nft::Verdict{NFT_RETURN, {}}});
  transaction.add_rule(kTable, {.chain = std::string(kOutput),
                                .expressions = std::move(expressions),
                                .comment = "no way back to ::1"});
}

}  // namespace

void add_base(nft::Transaction& transaction) {
  add_chains(transaction);
  for (const Family family : kFamilies) {
    add_maps(transaction, {.family = family});
    const nft::FieldType address = protocol_of(family).type;
    transaction.add_set(kTable, {.name = loops_set(family), .key = {address, address}}, true);
  }
  transaction.add_set(kTable,
                      {.name = kAttachmentsMap,
                       .key = {nft::FieldType::kIfname, nft::FieldType::kIfname},
                       .data = {nft::FieldType::kMark}},
                      true);
  add_loopback_guard(transaction);
  add_ipv6_loopback_exception(transaction);
  // Whatever merely passes through with the same port is none of ours (CVE-2025-67499): nothing but these
  // two jumps leads to the maps, and they ask routing whether the destination is this host.
  for (const std::string_view chain : {kPrerouting, kOutput}) {
    add_jump(transaction, chain, kPublished,
             {nft::FibLoad{NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR},
              nft::Compare{true, bytes_of(RTN_LOCAL)}});
  }
  add_jump(transaction, kPublished, kHairpinMarks);
  add_jump(transaction, kPublished, kConditional);
  for (const Family family : kFamilies) {
    add_redirects(transaction, kPublished, {.family = family});
    Expressions expressions = translated();
    append(expressions, of_family(family));
    append(expressions, {source_of(family),
                         destination_of(family, nft::kRegister32 + protocol_of(family).registers),
                         nft::InSet{loops_set(family)}, nft::Masquerade{}});
    transaction.add_rule(kTable, {.chain = std::string(kPostrouting),
                                  .expressions = std::move(expressions),
                                  .comment = loops_rule_name(family)});
  }
}

void add_scope(nft::Transaction& transaction, const Scope& scope) {
  if (!scope.conditions.empty()) {
    add_maps(transaction, scope);
    add_redirects(transaction, kConditional, scope);
  }
}

void add_hairpin(nft::Transaction& transaction, const Hairpin& hairpin) {
  const Family family = hairpin.source.family();
  transaction.add_set(kTable, {.name = hairpin.set(), .key = {protocol_of(family).type}}, true);
  const Bytes bit = bytes_of(1U << hairpin.mark_bit);
  const Bytes others = bytes_of(~(1U << hairpin.mark_bit));
  Expressions mark = from_network(hairpin.source);
  append(mark,
         {nft::MetaLoad{NFT_META_MARK}, nft::Mask{others, bit}, nft::MetaStore{NFT_META_MARK}});
  transaction.add_rule(kTable, {.chain = std::string(kHairpinMarks),
                                .expressions = std::move(mark),
                                .comment = mark_rule_name(hairpin)});
  Expressions masquerade = translated();
  append(masquerade, {nft::MetaLoad{NFT_META_MARK}, nft::Mask{bit}, nft::Compare{true, bit}});
  append(masquerade, of_family(family));
  append(masquerade, {destination_of(family), nft::InSet{hairpin.set()}, nft::Masquerade{}});
  transaction.add_rule(kTable, {.chain = std::string(kPostrouting),
                                .expressions = std::move(masquerade),
                                .comment = hairpin_rule_name(hairpin)});
}

std::vector<FixedRule> rules_for(const Plan& plan) {
  std::vector<FixedRule> rules;
  const auto expect = [&](std::string_view chain, std::string_view comment) {
    rules.push_back({std::string(chain), std::string(comment)});
  };
  for (const std::string_view chain : {kPrerouting, kOutput}) {
    expect(chain, kPublished);
  }
  for (const Scope& scope : plan.scopes) {
    const bool conditional = !scope.conditions.empty();
    if (conditional) {
      expect(kPublished, kConditional);
    }
    for (const bool with_address : {true, false}) {
      expect(conditional ? kConditional : kPublished, rule_name(scope, with_address));
    }
    if (!plan.sources.empty()) {
      expect(kPostrouting, loops_rule_name(scope.family));
    }
  }
  for (const Hairpin& hairpin : plan.hairpins) {
    expect(kPublished, kHairpinMarks);
    expect(kHairpinMarks, mark_rule_name(hairpin));
    expect(kPostrouting, hairpin_rule_name(hairpin));
  }
  return rules;
}

}  // namespace linnet::portmap
