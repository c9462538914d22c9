#include "plugins/attach/rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "plugins/attach/set_elements.h"

namespace linnet::attach {

namespace nft = netlink::nft;

namespace {

const nft::Table kMasqueradeTable = {.family = nft::TableFamily::kInet, .name = "linnet"};
const nft::Table kBridgeTable = {.family = nft::TableFamily::kBridge, .name = "linnet"};
constexpr std::string_view kPostrouting = "postrouting";
constexpr std::string_view kPrerouting = "prerouting";
constexpr std::string_view kGuardedPorts = "guarded_ports";
constexpr std::string_view kPortMacs = "port_macs";
constexpr std::int32_t kSourceNat = 100;         // NF_IP_PRI_NAT_SRC
constexpr std::int32_t kBeforeBridgeNat = -300;  // NF_BR_PRI_NAT_DST_BRIDGED
constexpr std::size_t kIfnameLength = 16;

using Bytes = std::vector<unsigned char>;

Bytes to_bytes(std::span<const unsigned char> bytes) { return {bytes.begin(), bytes.end()}; }

// Where an address family keeps its addresses in the packet, and what its multicast looks like.
struct Protocol {
  unsigned char number;
  std::uint32_t source_offset;
  std::uint32_t destination_offset;
  std::uint32_t address_length;
  nft::FieldType key;
  Bytes multicast;
  Bytes multicast_mask;
};

Protocol protocol_of(Family family) {
  if (family == Family::kIpv4) {
    return {NFPROTO_IPV4,   12, 16, 4, nft::FieldType::kIpv4Address, {0xe0, 0, 0, 0},
            {0xf0, 0, 0, 0}};
  }
  Bytes multicast(16);
  multicast[0] = 0xff;
  return {NFPROTO_IPV6, 8, 24, 16, nft::FieldType::kIpv6Address, multicast, multicast};
}

// The set of the containers of one subnet: "masq_10.22.0.0_16", "masq_<32 digits>_64". Only characters
// that nft(8) reads back.
std::string set_name(const Cidr& subnet) {
  const std::string address =
      subnet.is_ipv4() ? subnet.first().text() : to_hex(subnet.first().bytes());
  return concat("masq_", address, '_', subnet.prefix_length());
}

nft::Element masquerade_element(const Cidr& address, const std::string& comment) {
  return {.key = to_bytes(address.address().bytes()), .comment = comment};
}

// ip saddr @masq_N ip daddr != N ip daddr != 224.0.0.0/4 masquerade
nft::NewRule masquerade_rule(const Cidr& subnet) {
  const Protocol protocol = protocol_of(subnet.family());
  const nft::PayloadLoad source{NFT_PAYLOAD_NETWORK_HEADER, protocol.source_offset,
                                protocol.address_length};
  const nft::PayloadLoad destination{NFT_PAYLOAD_NETWORK_HEADER, protocol.destination_offset,
                                     protocol.address_length};
  const IpAddress all_ones = *IpAddress::from_bytes(Bytes(protocol.address_length, 0xff));
  const Bytes netmask = to_bytes(Cidr(all_ones, subnet.prefix_length()).first().bytes());
  return {.chain = std::string(kPostrouting),
          .expressions = {nft::MetaLoad{NFT_META_NFPROTO}, nft::Compare{true, {protocol.number}},
                          source, nft::InSet{set_name(subnet)}, destination, nft::Mask{netmask},
                          nft::Compare{false, to_bytes(subnet.first().bytes())}, destination,
                          nft::Mask{protocol.multicast_mask},
                          nft::Compare{false, protocol.multicast}, nft::Masquerade{}},
          .comment = concat("masquerade what leaves ", subnet.network().text())};
}

// A set with the rule that reads it. The set is made exclusively, so that of two plugins only one adds
// the rule.
void add_masquerade_set(nft::Transaction& transaction, const Cidr& subnet) {
  transaction.add_table(kMasqueradeTable);
  transaction.add_chain(kMasqueradeTable, {.name = std::string(kPostrouting),
                                           .type = "nat",
                                           .hook = NF_INET_POST_ROUTING,
                                           .priority = kSourceNat});
  transaction.add_set(kMasqueradeTable,
                      {.name = set_name(subnet), .key = {protocol_of(subnet.family()).key}}, true);
  transaction.add_rule(kMasqueradeTable, masquerade_rule(subnet));
}

Bytes port_key(const std::string& host_link) {
  Bytes key(kIfnameLength);
  std::ranges::copy(host_link.substr(0, kIfnameLength - 1), key.begin());
  return key;
}

Bytes port_mac_key(const std::string& host_link, const MacAddress& mac) {
  Bytes key = port_key(host_link);
  key.insert(key.end(), mac.bytes().begin(), mac.bytes().end());
  key.resize(kIfnameLength + 8);
  return key;
}

// iifname . ether saddr @port_macs return
// iifname @guarded_ports drop
void add_mac_check_sets(nft::Transaction& transaction) {
  const std::string chain(kPrerouting);
  transaction.add_table(kBridgeTable);
  transaction.add_chain(
      kBridgeTable,
      {.name = chain, .type = "filter", .hook = NF_BR_PRE_ROUTING, .priority = kBeforeBridgeNat});
  transaction.add_set(kBridgeTable,
                      {.name = std::string(kPortMacs),
                       .key = {nft::FieldType::kIfname, nft::FieldType::kEtherAddress}},
                      true);
  transaction.add_set(kBridgeTable,
                      {.name = std::string(kGuardedPorts), .key = {nft::FieldType::kIfname}}, true);
  transaction.add_rule(
      kBridgeTable,
      {.chain = chain,
       .expressions = {nft::MetaLoad{NFT_META_IIFNAME},
                       nft::PayloadLoad{NFT_PAYLOAD_LL_HEADER, 6, 6, NFT_REG_2},
                       nft::InSet{std::string(kPortMacs)}, nft::Verdict{NFT_RETURN, {}}},
       .comment = {}});
  transaction.add_rule(kBridgeTable, {.chain = chain,
                                      .expressions = {nft::MetaLoad{NFT_META_IIFNAME},
                                                      nft::InSet{std::string(kGuardedPorts)},
                                                      nft::Verdict{NF_DROP, {}}},
                                      .comment = "only the container's own MAC address"});
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
  // A transaction a subnet: two subnets of one container seldom lack their sets at the same time.
  for (const Cidr& address : addresses) {
    put_elements(socket,
                 {{kMasqueradeTable, set_name(address), masquerade_element(address, comment)}},
                 [&](nft::Transaction& transaction) { add_masquerade_set(transaction, address); });
  }
}

void add_mac_check(nft::NftSocket& socket, const Attachment& attachment,
                   const std::string& host_link, const MacAddress& mac) {
  const std::string comment = owner_comment(attachment);
  put_elements(socket,
               {{kBridgeTable,
                 std::string(kPortMacs),
                 {.key = port_mac_key(host_link, mac), .comment = comment}},
                {kBridgeTable,
                 std::string(kGuardedPorts),
                 {.key = port_key(host_link), .comment = comment}}},
               add_mac_check_sets);
}

std::vector<Cidr> unmasqueraded(nft::NftSocket& socket, const Attachment& attachment,
                                std::span<const Cidr> addresses) {
  const std::string key = owner_key(attachment);
  std::vector<Cidr> missing;
  for (const Cidr& address : addresses) {
    const std::optional<nft::Element> element = socket.find_element(
        kMasqueradeTable, set_name(address), to_bytes(address.address().bytes()));
    if (!element || !owned(*element, key)) {
      missing.push_back(address);
    }
  }
  return missing;
}

bool has_mac_check(nft::NftSocket& socket, const Attachment& attachment,
                   const std::string& host_link, const MacAddress& mac) {
  const std::string key = owner_key(attachment);
  const auto has = [&](std::string_view set, const Bytes& element_key) {
    const std::optional<nft::Element> element =
        socket.find_element(kBridgeTable, std::string(set), element_key);
    return element && owned(*element, key);
  };
  return has(kPortMacs, port_mac_key(host_link, mac)) && has(kGuardedPorts, port_key(host_link));
}

void remove_rules_if_present(nft::NftSocket& socket, const Attachment& attachment,
                             std::span<const Cidr> hint) {
  const std::string key = owner_key(attachment);
  std::vector<SetElement> found;
  for (const Cidr& address : hint) {
    if (std::optional<nft::Element> element = socket.find_element(
            kMasqueradeTable, set_name(address), to_bytes(address.address().bytes()));
        element && owned(*element, key)) {
      found.push_back({kMasqueradeTable, set_name(address), *std::move(element)});
    }
  }
  const bool checked = socket
                           .find_element(kBridgeTable, std::string(kGuardedPorts),
                                         port_key(host_link_name(attachment)))
                           .has_value();
  if (hint.empty() || found.size() < hint.size() || checked) {
    found = search_elements(socket, kTables,
                            [&](const nft::Element& element) { return owned(element, key); });
  }
  remove_elements(socket, found);
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
  std::vector<SetElement> found = search_elements(socket, kTables, stale);
  for (int round = 0; round < kRounds && !found.empty(); ++round) {
    remove_elements(socket, found);
    found = search_elements(socket, kTables, stale);
  }
}

}  // namespace linnet::attach
