#include "plugins/meta/firewall/isolation.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "netlink/match.h"

namespace linnet::firewall {

namespace nft = netlink::nft;
namespace owned = attach::owned;

namespace {

const nft::Table kTable = {.family = nft::TableFamily::kInet, .name = "linnet_firewall"};
const nft::Table kBridgeTable = {.family = nft::TableFamily::kBridge, .name = "linnet_firewall"};
const std::array kTables = {kTable, kBridgeTable};

constexpr std::string_view kForward = "forward";
constexpr std::string_view kAdmin = "admin";
constexpr std::string_view kIsolation = "isolation";
// Sets. Of bridges: all with a policy, and pairs of a bridge and itself.
constexpr std::string_view kBridges = "bridges";
constexpr std::string_view kSameBridge = "same_bridge";
constexpr std::string_view kIsolated = "isolated_bridges";
constexpr std::string_view kPorts = "isolated_ports";

// After the owner's key and before the plain names, which may be cut off.
constexpr std::string_view kZone = ", zone: ";

std::string containers_set(Family family) {
  return family == Family::kIpv4 ? "containers4" : "containers6";
}

// A port of the bridge, and a port of the same bridge.
nft::key::Bytes pair_key(const std::string& name) {
  return nft::key::concatenated({nft::key::ifname(name), nft::key::ifname(name)});
}

// The owner of what all attachments of a network share.
std::string network_comment(const std::string& network) {
  return concat(attach::network_key(network), "net: ", network).substr(0, nft::kLongestComment);
}

nft::Expressions from_port_to_port(std::string_view set) {
  return nft::match::in_set(std::string(set),
                            {nft::field::input_interface(), nft::field::output_interface()});
}

nft::Expressions both_in(std::string_view set) {
  return nft::phrases({nft::match::in_set(std::string(set), {nft::field::input_interface()}),
                       nft::match::in_set(std::string(set), {nft::field::output_interface()})});
}

enum class End { kSource, kDestination };

nft::Expressions container_at(End end, Family family) {
  return nft::phrases(
      {nft::match::family(family),
       nft::match::in_set(
           containers_set(family),
           {end == End::kSource ? nft::field::source(family) : nft::field::destination(family)})});
}

struct FixedRule {
  nft::Table table;
  std::string chain;
  nft::Expressions matches;
  nft::Expressions verdict;
  std::string comment;
};

// In the order they stand in their chains.
std::vector<FixedRule> fixed_rules() {
  const std::string forward(kForward);
  const std::string isolation(kIsolation);
  std::vector<FixedRule> rules = {
      {kTable, isolation, from_port_to_port(kIsolated), nft::verdict::drop(),
       "isolated inside a bridge"},
      {kTable, isolation, from_port_to_port(kSameBridge), nft::verdict::ret(), "inside a bridge"},
      {kTable, isolation, both_in(kBridges), nft::verdict::drop(), "from bridge to bridge"},
      {kTable, forward, {}, nft::verdict::jump(isolation), "isolation"}};
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (const End end : {End::kSource, End::kDestination}) {
      rules.push_back({kTable, forward, container_at(end, family), nft::verdict::jump(kAdmin),
                       concat(end == End::kSource ? "from " : "to ", containers_set(family))});
    }
  }
  rules.push_back(
      {kBridgeTable, forward, both_in(kPorts), nft::verdict::drop(), "from port to port"});
  return rules;
}

void add_tables(nft::Transaction& transaction) {
  transaction.add_table(kTable);
  for (const std::string_view chain : {kAdmin, kIsolation}) {
    transaction.add_chain(kTable, {.name = std::string(chain), .type = {}});
  }
  const nft::NewChain forward = {
      .name = std::string(kForward), .type = "filter", .hook = nft::Hook::kForward};
  transaction.add_chain(kTable, forward);
  const nft::FieldType name = nft::FieldType::kIfname;
  const auto add_set = [&](const nft::Table& table, std::string_view set, nft::Fields key) {
    transaction.add_set(table, {.name = std::string(set), .key = std::move(key)}, true);
  };
  add_set(kTable, containers_set(Family::kIpv4), {nft::FieldType::kIpv4Address});
  add_set(kTable, containers_set(Family::kIpv6), {nft::FieldType::kIpv6Address});
  add_set(kTable, kBridges, {name});
  add_set(kTable, kSameBridge, {name, name});
  add_set(kTable, kIsolated, {name, name});
  transaction.add_table(kBridgeTable);
  transaction.add_chain(kBridgeTable, forward);
  add_set(kBridgeTable, kPorts, {name});
  for (const FixedRule& rule : fixed_rules()) {
    transaction.add_rule(rule.table, {.chain = rule.chain,
                                      .expressions = nft::phrases({rule.matches, rule.verdict}),
                                      .comment = rule.comment});
  }
}

std::string comment_with_zone(const std::string& comment, std::string_view zone) {
  if (zone.empty()) {
    return comment;
  }
  const std::size_t key = attach::key_in_comment(comment).size();
  return concat(comment.substr(0, key), kZone, zone, comment.substr(key))
      .substr(0, nft::kLongestComment);
}

owned::Elements address_elements(const Subject& subject, const std::string& comment) {
  owned::Elements elements;
  for (const Cidr& address : subject.addresses) {
    elements.push_back({kTable,
                        containers_set(address.family()),
                        {.key = nft::key::address(address.address()), .comment = comment},
                        owned::OnTaken::kReplace});
  }
  return elements;
}

// What the attachment owns.
owned::Elements own_elements(const Subject& subject, bool with_ports,
                             const attach::Attachment& attachment, std::string_view zone = {}) {
  const std::string comment = attach::owner_comment(attachment);
  owned::Elements elements = address_elements(subject, comment_with_zone(comment, zone));
  if (with_ports) {
    for (const std::string& port : subject.ports) {
      elements.push_back({kBridgeTable,
                          std::string(kPorts),
                          {.key = nft::key::ifname(port), .comment = comment},
                          owned::OnTaken::kReplace});
    }
  }
  return elements;
}

// What the bridge must have of its policy, and what it must not.
struct Policy {
  owned::Elements wanted;
  owned::Elements unwanted;
};

Policy policy_of(const std::string& bridge, IngressPolicy ingress, const std::string& network) {
  Policy policy;
  if (bridge.empty()) {
    return policy;
  }
  const std::string comment = network_comment(network);
  const auto put = [&](std::string_view set, nft::key::Bytes key, bool wanted) {
    (wanted ? policy.wanted : policy.unwanted)
        .push_back({kTable,
                    std::string(set),
                    {.key = std::move(key), .comment = comment},
                    owned::OnTaken::kShare});
  };
  put(kBridges, nft::key::ifname(bridge), ingress != IngressPolicy::kOpen);
  put(kSameBridge, pair_key(bridge), ingress == IngressPolicy::kSameBridge);
  put(kIsolated, pair_key(bridge), ingress == IngressPolicy::kIsolated);
  return policy;
}

}  // namespace

owned::Elements find_own_elements(nft::NftSocket& socket, const Subject& subject,
                                  const attach::Attachment& attachment) {
  const std::string key = attach::owner_key(attachment);
  const owned::Elements hint = own_elements(subject, true, attachment);
  owned::Elements found = owned::find_present(socket, hint);
  std::erase_if(found,
                [&](const owned::Element& item) { return !owned::is_owned(item.element, key); });
  // The ports are there with one policy only.
  const bool all = !hint.empty() && (found.size() == hint.size() ||
                                     found.size() == hint.size() - subject.ports.size());
  return all && !found.empty() ? found
                               : owned::search(socket, kTables, [&](const nft::Element& element) {
                                   return owned::is_owned(element, key);
                                 });
}

owned::Elements find_address_elements(nft::NftSocket& socket, const Subject& subject) {
  return owned::find_present(socket, address_elements(subject, {}));
}

std::optional<ZoneSource> recorded_source(const owned::Element& element) {
  const std::string_view comment = element.element.comment;
  const std::string_view key = attach::key_in_comment(comment);
  const std::optional<IpAddress> address = IpAddress::from_bytes(element.element.key);
  if (key.empty() || !address || !comment.substr(key.size()).starts_with(kZone)) {
    return std::nullopt;
  }
  const std::string_view zone = comment.substr(key.size() + kZone.size());
  return ZoneSource{std::string(zone.substr(0, zone.find(','))), *address};
}

void add_elements(nft::NftSocket& socket, const Subject& subject, IngressPolicy ingress,
                  const attach::Attachment& attachment, std::string_view zone,
                  const std::function<void(const owned::Elements&)>& before_replacing) {
  const bool isolated = ingress == IngressPolicy::kIsolated;
  owned::Elements elements = own_elements(subject, isolated, attachment, zone);
  const Policy policy = policy_of(subject.bridge, ingress, attachment.network);
  elements.insert(elements.end(), policy.wanted.begin(), policy.wanted.end());
  if (elements.empty()) {
    return;
  }
  const auto find_unwanted = [&] { return owned::find_present(socket, policy.unwanted); };
  try {
    owned::put(socket, elements,
               {.make_sets = [](nft::Transaction& transaction,
                                const owned::Elements&) { add_tables(transaction); },
                .remove = find_unwanted(),
                .find_stale = find_unwanted,
                .before_replacing = before_replacing,
                .what = "add elements to nftables table linnet_firewall"});
  } catch (const netlink::AnswerLost&) {
    Transaction undo;
    undo.undo_with("remove elements of nftables table linnet_firewall", [&subject, &attachment] {
      nft::NftSocket again;
      owned::remove(again, find_own_elements(again, subject, attachment));
    });
    throw;
  }
}

owned::Elements find_invalid_elements(nft::NftSocket& socket, const std::string& network,
                                      const std::set<std::string, std::less<>>& valid) {
  const std::string prefix = attach::network_key(network);
  const std::string shared = network_comment(network);
  return owned::search(socket, kTables, [&](const nft::Element& element) {
    if (element.comment == shared) {
      return valid.empty();
    }
    const std::string_view key = attach::key_in_comment(element.comment);
    return key.starts_with(prefix) && !valid.contains(key);
  });
}

attach::Problems element_problems(nft::NftSocket& socket, const Subject& subject,
                                  IngressPolicy ingress, const attach::Attachment& attachment) {
  const std::string key = attach::owner_key(attachment);
  owned::Elements wanted = own_elements(subject, ingress == IngressPolicy::kIsolated, attachment);
  const Policy policy = policy_of(subject.bridge, ingress, attachment.network);
  wanted.insert(wanted.end(), policy.wanted.begin(), policy.wanted.end());
  const owned::Elements present = owned::find_present(socket, wanted);
  attach::Problems problems;
  for (const owned::Element& item : wanted) {
    const auto found = std::ranges::find_if(
        present, [&](const owned::Element& other) { return owned::same_place(item, other); });
    if (found == present.end() ||
        (item.on_taken != owned::OnTaken::kShare && !owned::is_owned(found->element, key))) {
      problems.push_back(concat("nftables set ", kTable.name, " ", item.set, " lacks ",
                                item.on_taken == owned::OnTaken::kShare
                                    ? concat("bridge ", subject.bridge)
                                    : "the container"));
    }
  }
  for (const owned::Element& item : owned::find_present(socket, policy.unwanted)) {
    problems.push_back(concat("nftables set ", kTable.name, " ", item.set, " has bridge ",
                              subject.bridge, " with another policy"));
  }
  std::map<std::pair<nft::TableFamily, std::string>, std::vector<nft::Rule>> chains;
  for (const FixedRule& rule : fixed_rules()) {
    const auto [chain, first] = chains.try_emplace({rule.table.family, rule.chain});
    if (first) {
      chain->second = socket.list_rules(rule.table, rule.chain);
    }
    if (std::ranges::find(chain->second, rule.comment, &nft::Rule::comment) ==
        chain->second.end()) {
      problems.push_back(concat("nftables chain ", rule.table.name, " ", rule.chain,
                                " lacks the rule \"", rule.comment, '"'));
    }
  }
  return problems;
}

}  // namespace linnet::firewall
