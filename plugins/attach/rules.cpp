#include "plugins/attach/rules.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "netlink/match.h"
#include "plugins/attach/owned_elements.h"

namespace linnet::attach {

namespace nft = netlink::nft;

namespace {

const nft::Table kMasqueradeTable = {.family = nft::TableFamily::kInet, .name = "linnet"};
const nft::Table kBridgeTable = {.family = nft::TableFamily::kBridge, .name = "linnet"};
constexpr std::string_view kPostrouting = "postrouting";
constexpr std::string_view kPrerouting = "prerouting";
constexpr std::string_view kGuardedPorts = "guarded_ports";
constexpr std::string_view kPortMacs = "port_macs";

nft::FieldType address_type(Family family) {
  return family == Family::kIpv4 ? nft::FieldType::kIpv4Address : nft::FieldType::kIpv6Address;
}

// The set of the containers of one subnet: "masq_10.22.0.0_16", "masq_<32 digits>_64". Only characters
// that nft(8) reads back.
std::string set_name(const Cidr& subnet) {
  const std::string address =
      subnet.is_ipv4() ? subnet.first().text() : to_hex(subnet.first().bytes());
  return concat("masq_", address, '_', subnet.prefix_length());
}

owned::Element masquerade_element(const Cidr& address, const std::string& comment) {
  return {.table = kMasqueradeTable,
          .set = set_name(address),
          .element = {.key = nft::key::address(address.address()), .comment = comment},
          .on_taken = owned::OnTaken::kReplace};
}

// ip saddr @masq_N ip daddr != N ip daddr != 224.0.0.0/4 masquerade
nft::NewRule masquerade_rule(const Cidr& subnet) {
  const Family family = subnet.family();
  return {.chain = std::string(kPostrouting),
          .expressions = nft::phrases(
              {nft::match::family(family),
               nft::match::in_set(set_name(subnet), {nft::field::source(family)}),
               nft::match::not_destination_in(subnet),
               nft::match::not_destination_multicast(family), nft::statement::masquerade()}),
          .comment = concat("masquerade what leaves ", subnet.network().text())};
}

// A set with the rule that reads it. The set is made exclusively, so that of two plugins only one adds
// the rule.
void add_masquerade_set(nft::Transaction& transaction, const Cidr& subnet) {
  transaction.add_table(kMasqueradeTable);
  transaction.add_chain(kMasqueradeTable, {.name = std::string(kPostrouting),
                                           .type = "nat",
                                           .hook = nft::Hook::kPostrouting,
                                           .priority = nft::priority::kSourceNat});
  transaction.add_set(kMasqueradeTable,
                      {.name = set_name(subnet), .key = {address_type(subnet.family())}}, true);
  transaction.add_rule(kMasqueradeTable, masquerade_rule(subnet));
}

owned::Element mac_element(const std::string& host_link, const MacAddress& mac,
                           const std::string& comment) {
  return {
      .table = kBridgeTable,
      .set = std::string(kPortMacs),
      .element = {.key = nft::key::concatenated({nft::key::ifname(host_link), nft::key::mac(mac)}),
                  .comment = comment},
      .on_taken = owned::OnTaken::kReplace};
}

owned::Element port_element(const std::string& host_link, const std::string& comment) {
  return {.table = kBridgeTable,
          .set = std::string(kGuardedPorts),
          .element = {.key = nft::key::ifname(host_link), .comment = comment},
          .on_taken = owned::OnTaken::kReplace};
}

// iifname . ether saddr @port_macs return
// iifname @guarded_ports drop
void add_mac_check_sets(nft::Transaction& transaction) {
  const std::string chain(kPrerouting);
  const std::string macs(kPortMacs);
  const std::string ports(kGuardedPorts);
  const nft::Field input = nft::field::input_interface();
  transaction.add_table(kBridgeTable);
  transaction.add_chain(kBridgeTable, {.name = chain,
                                       .type = "filter",
                                       .hook = nft::Hook::kPrerouting,
                                       .priority = nft::priority::kBridgeDestinationNat});
  transaction.add_set(
      kBridgeTable, {.name = macs, .key = {nft::FieldType::kIfname, nft::FieldType::kEtherAddress}},
      true);
  transaction.add_set(kBridgeTable, {.name = ports, .key = {nft::FieldType::kIfname}}, true);
  transaction.add_rule(
      kBridgeTable,
      {.chain = chain,
       .expressions = nft::phrases(
           {nft::match::in_set(macs, {input, nft::field::source_mac()}), nft::verdict::ret()}),
       .comment = {}});
  transaction.add_rule(
      kBridgeTable,
      {.chain = chain,
       .expressions = nft::phrases({nft::match::in_set(ports, {input}), nft::verdict::drop()}),
       .comment = "only the container's own MAC address"});
}

// Whether each is there and has the owner of its comment.
bool are_present(nft::NftSocket& socket, const owned::Elements& elements, std::string_view key) {
  const owned::Elements present = owned::find_present(socket, elements);
  return present.size() == elements.size() &&
         std::ranges::all_of(present, [&](const owned::Element& item) {
           return owned::is_owned(item.element, key);
         });
}

const std::array kTables = {kMasqueradeTable, kBridgeTable};

}  // namespace

bool parse_masquerade(cni::ObjectReader& reader) {
  const std::string backend = reader.text("ipMasqBackend").value_or("");
  // Both names of the reference are accepted: the rules are nftables either way, and an iptables that
  // is nf_tables underneath sees the same packets.
  if (!backend.empty() && backend != "iptables" && backend != "nftables") {
    reader.fail("ipMasqBackend",
                concat(linnet::quoted(backend), ": expected \"nftables\" or \"iptables\""));
  }
  return reader.boolean("ipMasq").value_or(false);
}

void add_masquerade(nft::NftSocket& socket, const Attachment& attachment,
                    std::span<const Cidr> addresses) {
  const std::string comment = owner_comment(attachment);
  // One transaction per subnet: two subnets of one container seldom lack their sets at the same time.
  for (const Cidr& address : addresses) {
    owned::put(
        socket, {masquerade_element(address, comment)},
        {.make_sets = [&](nft::Transaction& transaction,
                          const owned::Elements&) { add_masquerade_set(transaction, address); },
         .what = "add elements to nftables table linnet"});
  }
}

void add_mac_check(nft::NftSocket& socket, const Attachment& attachment,
                   const std::string& host_link, const MacAddress& mac) {
  const std::string comment = owner_comment(attachment);
  owned::put(socket, {mac_element(host_link, mac, comment), port_element(host_link, comment)},
             {.make_sets = [](nft::Transaction& transaction,
                              const owned::Elements&) { add_mac_check_sets(transaction); },
              .what = "add elements to nftables table linnet"});
}

std::vector<Cidr> unmasqueraded(nft::NftSocket& socket, const Attachment& attachment,
                                std::span<const Cidr> addresses) {
  const std::string key = owner_key(attachment);
  std::vector<Cidr> missing;
  std::ranges::copy_if(addresses, std::back_inserter(missing), [&](const Cidr& address) {
    return !are_present(socket, {masquerade_element(address, {})}, key);
  });
  return missing;
}

bool has_mac_check(nft::NftSocket& socket, const Attachment& attachment,
                   const std::string& host_link, const MacAddress& mac) {
  return are_present(socket, {mac_element(host_link, mac, {}), port_element(host_link, {})},
                     owner_key(attachment));
}

void remove_rules_if_present(nft::NftSocket& socket, const Attachment& attachment,
                             std::span<const Cidr> hint) {
  const std::string key = owner_key(attachment);
  owned::Elements asked;
  for (const Cidr& address : hint) {
    asked.push_back(masquerade_element(address, {}));
  }
  owned::Elements found = owned::find_present(socket, asked);
  std::erase_if(found,
                [&](const owned::Element& item) { return !owned::is_owned(item.element, key); });
  const bool checked =
      !owned::find_present(socket, {port_element(host_link_name(attachment), {})}).empty();
  if (hint.empty() || found.size() < hint.size() || checked) {
    found = owned::search(socket, kTables, [&](const nft::Element& element) {
      return owned::is_owned(element, key);
    });
  }
  owned::remove(socket, found);
}

void collect_rules(nft::NftSocket& socket, const std::string& network,
                   const std::set<std::string, std::less<>>& valid) {
  const std::string prefix = network_key(network);
  const auto stale = [&](const nft::Element& element) {
    const std::string_view key = key_in_comment(element.comment);
    return key.starts_with(prefix) && !valid.contains(key);
  };
  // An ADD may put its elements while the sets are read one after the other: what was found of it in the later ones
  // does not stay in the earlier ones.
  constexpr int kRounds = 10;
  owned::Elements found = owned::search(socket, kTables, stale);
  for (int round = 0; round < kRounds && !found.empty(); ++round) {
    owned::remove(socket, found);
    found = owned::search(socket, kTables, stale);
  }
}

}  // namespace linnet::attach
