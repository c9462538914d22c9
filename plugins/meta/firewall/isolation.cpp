#include "plugins/meta/firewall/isolation.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "plugins/attach/set_elements.h"

namespace linnet::firewall {

namespace nft = netlink::nft;
using attach::SetElement;

namespace {

using Bytes = std::vector<unsigned char>;
using Expressions = std::vector<nft::Expression>;

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

constexpr std::size_t kIfnameLength = 16;
constexpr std::size_t kLongestComment = 127;
// Behind the owner's key, in front of the plain names, which may be cut off.
constexpr std::string_view kZone = ", zone: ";

std::string containers_set(Family family) {
  return family == Family::kIpv4 ? "containers4" : "containers6";
}

Bytes name_key(const std::string& name) {
  Bytes key(kIfnameLength);
  std::ranges::copy(name.substr(0, kIfnameLength - 1), key.begin());
  return key;
}

Bytes pair_key(const std::string& name) {
  Bytes key = name_key(name);
  key.resize(2 * kIfnameLength);
  std::copy_n(key.begin(), kIfnameLength, key.begin() + kIfnameLength);
  return key;
}

// The owner of what all attachments of a network share.
std::string network_comment(const std::string& network) {
  return concat(attach::network_key(network), "net: ", network).substr(0, kLongestComment);
}

Expressions from_port_to_port(std::string_view set) {
  return {nft::MetaLoad{NFT_META_IIFNAME}, nft::MetaLoad{NFT_META_OIFNAME, NFT_REG_2},
          nft::InSet{std::string(set)}};
}

Expressions both_in(std::string_view set) {
  return {nft::MetaLoad{NFT_META_IIFNAME}, nft::InSet{std::string(set)},
          nft::MetaLoad{NFT_META_OIFNAME}, nft::InSet{std::string(set)}};
}

Expressions address_in(Family family, bool source) {
  const bool ipv4 = family == Family::kIpv4;
  const std::uint32_t length = ipv4 ? 4 : 16;
  const std::uint32_t first = ipv4 ? 12 : 8;
  return {nft::MetaLoad{NFT_META_NFPROTO},
          nft::Compare{true, {static_cast<unsigned char>(ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)}},
          nft::PayloadLoad{NFT_PAYLOAD_NETWORK_HEADER, source ? first : first + length, length},
          nft::InSet{containers_set(family)}};
}

struct FixedRule {
  nft::Table table;
  std::string chain;
  Expressions matches;
  nft::Verdict verdict;
  std::string comment;
};

// In the order they stand in their chains.
std::vector<FixedRule> fixed_rules() {
  const std::string forward(kForward);
  const std::string isolation(kIsolation);
  std::vector<FixedRule> rules = {
      {kTable, isolation, from_port_to_port(kIsolated), {NF_DROP, {}}, "isolated inside a bridge"},
      {kTable, isolation, from_port_to_port(kSameBridge), {NFT_RETURN, {}}, "inside a bridge"},
      {kTable, isolation, both_in(kBridges), {NF_DROP, {}}, "from bridge to bridge"},
      {kTable, forward, {}, {NFT_JUMP, isolation}, "isolation"}};
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (const bool source : {true, false}) {
      rules.push_back({kTable,
                       forward,
                       address_in(family, source),
                       {NFT_JUMP, std::string(kAdmin)},
                       concat(source ? "from " : "to ", containers_set(family))});
    }
  }
  rules.push_back({kBridgeTable, forward, both_in(kPorts), {NF_DROP, {}}, "from port to port"});
  return rules;
}

void add_tables(nft::Transaction& transaction) {
  transaction.add_table(kTable);
  for (const std::string_view chain : {kAdmin, kIsolation}) {
    transaction.add_chain(kTable, {.name = std::string(chain), .type = {}});
  }
  transaction.add_chain(
      kTable,
      {.name = std::string(kForward), .type = "filter", .hook = NF_INET_FORWARD, .priority = 0});
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
  transaction.add_chain(
      kBridgeTable,
      {.name = std::string(kForward), .type = "filter", .hook = NF_BR_FORWARD, .priority = 0});
  add_set(kBridgeTable, kPorts, {name});
  for (FixedRule& rule : fixed_rules()) {
    rule.matches.emplace_back(rule.verdict);
    transaction.add_rule(
        rule.table,
        {.chain = rule.chain, .expressions = std::move(rule.matches), .comment = rule.comment});
  }
}

std::string comment_with_zone(const std::string& comment, std::string_view zone) {
  if (zone.empty()) {
    return comment;
  }
  const std::size_t key = attach::key_in_comment(comment).size();
  return concat(comment.substr(0, key), kZone, zone, comment.substr(key))
      .substr(0, kLongestComment);
}

std::vector<SetElement> address_elements(const Subject& subject, const std::string& comment) {
  std::vector<SetElement> elements;
  for (const Cidr& address : subject.addresses) {
    const auto bytes = address.address().bytes();
    elements.push_back({kTable,
                        containers_set(address.family()),
                        {.key = {bytes.begin(), bytes.end()}, .comment = comment}});
  }
  return elements;
}

// What the attachment owns.
std::vector<SetElement> own_elements(const Subject& subject, bool with_ports,
                                     const attach::Attachment& attachment,
                                     std::string_view zone = {}) {
  const std::string comment = attach::owner_comment(attachment);
  std::vector<SetElement> elements = address_elements(subject, comment_with_zone(comment, zone));
  if (with_ports) {
    for (const std::string& port : subject.ports) {
      elements.push_back(
          {kBridgeTable, std::string(kPorts), {.key = name_key(port), .comment = comment}});
    }
  }
  return elements;
}

// What the bridge must have of its policy, and what it must not.
struct Policy {
  std::vector<SetElement> wanted;
  std::vector<SetElement> unwanted;
};

Policy policy_of(const std::string& bridge, IngressPolicy ingress, const std::string& network) {
  Policy policy;
  if (bridge.empty()) {
    return policy;
  }
  const std::string comment = network_comment(network);
  const auto put = [&](std::string_view set, Bytes key, bool wanted) {
    (wanted ? policy.wanted : policy.unwanted)
        .push_back({kTable, std::string(set), {.key = std::move(key), .comment = comment}, true});
  };
  put(kBridges, name_key(bridge), ingress != IngressPolicy::kOpen);
  put(kSameBridge, pair_key(bridge), ingress == IngressPolicy::kSameBridge);
  put(kIsolated, pair_key(bridge), ingress == IngressPolicy::kIsolated);
  return policy;
}

bool same_element(const SetElement& a, const SetElement& b) {
  return a.set == b.set && a.table.family == b.table.family && a.element.key == b.element.key;
}

}  // namespace

std::vector<SetElement> find_own_elements(nft::NftSocket& socket, const Subject& subject,
                                          const attach::Attachment& attachment) {
  const std::string key = attach::owner_key(attachment);
  const std::vector<SetElement> hint = own_elements(subject, true, attachment);
  std::vector<SetElement> found = attach::find_present(socket, hint);
  std::erase_if(found, [&](const SetElement& item) { return !attach::owned(item.element, key); });
  // The ports are there with one policy only.
  const bool all = !hint.empty() && (found.size() == hint.size() ||
                                     found.size() == hint.size() - subject.ports.size());
  return all && !found.empty()
             ? found
             : attach::search_elements(socket, kTables, [&](const nft::Element& element) {
                 return attach::owned(element, key);
               });
}

std::vector<SetElement> find_address_elements(nft::NftSocket& socket, const Subject& subject) {
  return attach::find_present(socket, address_elements(subject, {}));
}

std::optional<ZoneSource> recorded_source(const SetElement& element) {
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
                  const std::function<void(const std::vector<SetElement>&)>& before_replacing) {
  const bool isolated = ingress == IngressPolicy::kIsolated;
  std::vector<SetElement> elements = own_elements(subject, isolated, attachment, zone);
  const Policy policy = policy_of(subject.bridge, ingress, attachment.network);
  elements.insert(elements.end(), policy.wanted.begin(), policy.wanted.end());
  if (elements.empty()) {
    return;
  }
  try {
    attach::put_elements(socket, elements, add_tables,
                         attach::find_present(socket, policy.unwanted), before_replacing);
  } catch (const netlink::Error&) {
    throw;
  } catch (const SystemError&) {
    // The kernel's answer is lost, and with it whether it did what it was asked.
    Transaction undo;
    undo.undo_with("remove elements of nftables table linnet_firewall", [&subject, &attachment] {
      nft::NftSocket again;
      attach::remove_elements(again, find_own_elements(again, subject, attachment));
    });
    throw;
  }
}

std::vector<SetElement> find_invalid_elements(nft::NftSocket& socket, const std::string& network,
                                              const std::set<std::string, std::less<>>& valid) {
  const std::string prefix = attach::network_key(network);
  const std::string shared = network_comment(network);
  return attach::search_elements(socket, kTables, [&](const nft::Element& element) {
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
  std::vector<SetElement> wanted =
      own_elements(subject, ingress == IngressPolicy::kIsolated, attachment);
  const Policy policy = policy_of(subject.bridge, ingress, attachment.network);
  wanted.insert(wanted.end(), policy.wanted.begin(), policy.wanted.end());
  const std::vector<SetElement> present = attach::find_present(socket, wanted);
  attach::Problems problems;
  for (const SetElement& item : wanted) {
    const auto found = std::ranges::find_if(
        present, [&](const SetElement& other) { return same_element(item, other); });
    if (found == present.end() || (!item.shared && !attach::owned(found->element, key))) {
      problems.push_back(concat("nftables set ", kTable.name, " ", item.set, " lacks ",
                                item.shared ? concat("bridge ", subject.bridge) : "the container"));
    }
  }
  for (const SetElement& item : attach::find_present(socket, policy.unwanted)) {
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
