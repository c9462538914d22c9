#include "plugins/meta/portmap/layout.h"

#include <array>

#include "base/text.h"
#include "netlink/match.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

constexpr std::string_view kPrerouting = "prerouting";
constexpr std::string_view kOutput = "output";
constexpr std::string_view kPostrouting = "postrouting";
constexpr std::string_view kLoopbackGuard = "loopback_guard";
constexpr std::string_view kPublished = "published";
constexpr std::string_view kHairpinMarks = "hairpin_marks";
constexpr std::string_view kConditional = "conditional";

// After others' translation: what they translate is theirs, the live containers of the reference plugins included.
constexpr std::int32_t kAfterDestinationNat = nft::priority::kDestinationNat + 1;

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};

nft::FieldType address_type(Family family) {
  return family == Family::kIpv4 ? nft::FieldType::kIpv4Address : nft::FieldType::kIpv6Address;
}

// [ip daddr .] meta l4proto . th dport map @MAP, then the translation.
nft::Expressions redirect(Family family, const std::string& map, bool with_address) {
  std::vector<nft::Field> fields = {nft::field::transport_protocol(),
                                    nft::field::destination_port()};
  if (with_address) {
    fields.insert(fields.begin(), nft::field::destination(family));
  }
  return nft::statement::dnat_by_map(family, map, fields);
}

std::string rule_name(const Scope& scope, bool with_address) {
  return concat("redirect by ", with_address ? scope.host_ports_map() : scope.ports_map());
}

std::string loops_rule_name(Family family) { return concat("masquerade by ", loops_set(family)); }

std::string mark_rule_name(const Hairpin& hairpin) { return concat("mark for ", hairpin.set()); }

std::string hairpin_rule_name(const Hairpin& hairpin) {
  return concat("masquerade by ", hairpin.set());
}

void add_rule(nft::Transaction& transaction, std::string_view chain, nft::Expressions expressions,
              std::string_view comment) {
  transaction.add_rule(kTable, {.chain = std::string(chain),
                                .expressions = std::move(expressions),
                                .comment = std::string(comment)});
}

void add_jump(nft::Transaction& transaction, std::string_view from, std::string_view to,
              const nft::Expressions& only_if = {}) {
  add_rule(transaction, from, nft::phrases({only_if, nft::verdict::jump(to)}), to);
}

void add_maps(nft::Transaction& transaction, const Scope& scope) {
  for (const std::string& map : {scope.ports_map(), scope.host_ports_map()}) {
    add_port_map(transaction, map, map);
  }
}

// A mapping of one address wins over one of every address.
void add_redirects(nft::Transaction& transaction, std::string_view chain, const Scope& scope) {
  for (const bool with_address : {true, false}) {
    const std::string map = with_address ? scope.host_ports_map() : scope.ports_map();
    add_rule(transaction, chain,
             nft::phrases({nft::match::family(scope.family), matches_of(scope.conditions),
                           redirect(scope.family, map, with_address)}),
             rule_name(scope, with_address));
  }
}

void add_base_chain(nft::Transaction& transaction, std::string_view name, std::string_view type,
                    nft::Hook hook, std::int32_t priority) {
  transaction.add_chain(
      kTable,
      {.name = std::string(name), .type = std::string(type), .hook = hook, .priority = priority});
}

void add_chains(nft::Transaction& transaction) {
  transaction.add_table(kTable);
  for (const std::string_view chain : {kHairpinMarks, kConditional, kPublished}) {
    transaction.add_chain(kTable, {.name = std::string(chain), .type = {}});
  }
  add_base_chain(transaction, kPrerouting, "nat", nft::Hook::kPrerouting, kAfterDestinationNat);
  add_base_chain(transaction, kOutput, "nat", nft::Hook::kOutput, kAfterDestinationNat);
  add_base_chain(transaction, kPostrouting, "nat", nft::Hook::kPostrouting,
                 nft::priority::kSourceNat);
  add_base_chain(transaction, kLoopbackGuard, "filter", nft::Hook::kPrerouting,
                 nft::priority::kRaw);
}

// route_localnet, which 127.0.0.1 needs, also lets neighbours on that link talk to and as 127.0.0.1.
void add_loopback_guard(nft::Transaction& transaction) {
  const Cidr loopback = *Cidr::parse("127.0.0.0/8");
  for (const nft::Expressions& address : {nft::match::source(nft::Relation::kIs, loopback),
                                          nft::match::destination(nft::Relation::kIs, loopback)}) {
    add_rule(transaction, kLoopbackGuard,
             nft::phrases({nft::match::not_from_loopback_interface(),
                           nft::match::family(Family::kIpv4), address, nft::verdict::drop()}),
             "127.0.0.0/8 stays in this host");
  }
}

// The answer to ::1 would have to come in for ::1, which the kernel refuses from another link.
void add_ipv6_loopback_exception(nft::Transaction& transaction) {
  add_rule(
      transaction, kOutput,
      nft::phrases({nft::match::family(Family::kIpv6),
                    nft::match::destination_is(*IpAddress::parse("::1")), nft::verdict::ret()}),
      "no way back to ::1");
}

}  // namespace

void add_base(nft::Transaction& transaction) {
  add_chains(transaction);
  for (const Family family : kFamilies) {
    add_maps(transaction, {.family = family});
    const nft::FieldType address = address_type(family);
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
    add_jump(transaction, chain, kPublished, nft::match::destination_is_local());
  }
  add_jump(transaction, kPublished, kHairpinMarks);
  add_jump(transaction, kPublished, kConditional);
  for (const Family family : kFamilies) {
    add_redirects(transaction, kPublished, {.family = family});
    add_rule(transaction, kPostrouting,
             nft::phrases({nft::match::destination_was_translated(), nft::match::family(family),
                           nft::match::in_set(loops_set(family), {nft::field::source(family),
                                                                  nft::field::destination(family)}),
                           nft::statement::masquerade()}),
             loops_rule_name(family));
  }
}

void add_port_map(nft::Transaction& transaction, const std::string& name, std::string_view like) {
  const bool single = like.starts_with("host_ports");
  const std::size_t digit = single ? sizeof "host_ports" - 1 : sizeof "ports" - 1;
  const nft::FieldType address =
      like.substr(digit, 1) == "4" ? nft::FieldType::kIpv4Address : nft::FieldType::kIpv6Address;
  nft::Fields key = {nft::FieldType::kInetProtocol, nft::FieldType::kInetService};
  if (single) {
    key.insert(key.begin(), address);
  }
  transaction.add_set(
      kTable,
      {.name = name, .key = std::move(key), .data = {address, nft::FieldType::kInetService}}, true);
}

void add_scope(nft::Transaction& transaction, const Scope& scope) {
  if (!scope.conditions.empty()) {
    add_maps(transaction, scope);
    add_redirects(transaction, kConditional, scope);
  }
}

void add_hairpin(nft::Transaction& transaction, const Hairpin& hairpin) {
  const Family family = hairpin.source.family();
  transaction.add_set(kTable, {.name = hairpin.set(), .key = {address_type(family)}}, true);
  add_rule(transaction, kHairpinMarks,
           nft::phrases({nft::match::source_in(hairpin.source),
                         nft::statement::set_mark_bit(hairpin.mark_bit)}),
           mark_rule_name(hairpin));
  const std::uint32_t bit = 1U << hairpin.mark_bit;
  add_rule(transaction, kPostrouting,
           nft::phrases({nft::match::destination_was_translated(),
                         nft::match::mark(nft::Relation::kIs, bit, bit), nft::match::family(family),
                         nft::match::in_set(hairpin.set(), {nft::field::destination(family)}),
                         nft::statement::masquerade()}),
           hairpin_rule_name(hairpin));
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
