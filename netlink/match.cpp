#include "netlink/match.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "netlink/nftables.h"

namespace linnet::netlink::nft {

namespace {

constexpr std::uint32_t kRegisterBytes = 4;
constexpr std::uint32_t kPortBytes = 2;
constexpr std::uint32_t kMacBytes = 6;
constexpr std::uint32_t kLoopbackIndex = 1;  // of lo, in every network namespace

// Where an address family keeps its addresses in the packet.
struct Layout {
  unsigned char number;
  std::uint32_t source;
  std::uint32_t destination;
  std::uint32_t length;
};

Layout layout_of(Family family) {
  return family == Family::kIpv4 ? Layout{NFPROTO_IPV4, 12, 16, 4}
                                 : Layout{NFPROTO_IPV6, 8, 24, 16};
}

std::vector<unsigned char> host_order(std::uint32_t value) {
  std::vector<unsigned char> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::vector<unsigned char> bytes_of(const IpAddress& address) {
  return {address.bytes().begin(), address.bytes().end()};
}

std::vector<unsigned char> netmask(const Cidr& network) {
  const IpAddress ones =
      *IpAddress::from_bytes(std::vector<unsigned char>(layout_of(network.family()).length, 0xff));
  return bytes_of(Cidr(ones, network.prefix_length()).first());
}

Expression load_of(const Field& field) {
  return std::visit([](const auto& load) -> Expression { return load; }, field.load);
}

Expressions compare(const Field& field, Relation relation, const Cidr& network, bool masked) {
  Expressions expressions = {load_of(field)};
  if (masked) {
    expressions.emplace_back(Mask{netmask(network)});
  }
  expressions.emplace_back(Compare{relation == Relation::kIs, bytes_of(network.first())});
  return expressions;
}

bool is_one_address(const Cidr& network) {
  return network.prefix_length() == network.address().bits();
}

constexpr std::uint32_t padded(std::uint32_t length) {
  return (length + kRegisterBytes - 1) / kRegisterBytes * kRegisterBytes;
}

// The register that begins so many bytes after the first one. Where a register of 16 bytes begins there it has that
// one's number, which every kernel knows.
std::uint32_t register_at(std::uint32_t offset) {
  return offset % 16 == 0 ? NFT_REG_1 + offset / 16 : kRegister32 + offset / kRegisterBytes;
}

// Fields side by side, from register 1 on.
Expressions load_all(const std::vector<Field>& fields) {
  Expressions expressions;
  std::uint32_t offset = 0;
  for (Field field : fields) {
    std::visit([&](auto& load) { load.into_register = register_at(offset); }, field.load);
    expressions.push_back(load_of(field));
    offset += padded(field.length);
  }
  return expressions;
}

}  // namespace

Expressions phrases(std::initializer_list<Expressions> parts) {
  Expressions all;
  for (const Expressions& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

namespace field {

Field source(Family family) {
  const Layout layout = layout_of(family);
  return {PayloadLoad{NFT_PAYLOAD_NETWORK_HEADER, layout.source, layout.length}, layout.length};
}

Field destination(Family family) {
  const Layout layout = layout_of(family);
  return {PayloadLoad{NFT_PAYLOAD_NETWORK_HEADER, layout.destination, layout.length},
          layout.length};
}

Field input_interface() { return {MetaLoad{NFT_META_IIFNAME}, kIfnameLength}; }
Field output_interface() { return {MetaLoad{NFT_META_OIFNAME}, kIfnameLength}; }
Field source_mac() { return {PayloadLoad{NFT_PAYLOAD_LL_HEADER, 6, kMacBytes}, kMacBytes}; }
Field transport_protocol() { return {MetaLoad{NFT_META_L4PROTO}, 1}; }
Field destination_port() {
  return {PayloadLoad{NFT_PAYLOAD_TRANSPORT_HEADER, 2, kPortBytes}, kPortBytes};
}

}  // namespace field

namespace match {

Expressions family(Family family) {
  return {MetaLoad{NFT_META_NFPROTO}, Compare{true, {layout_of(family).number}}};
}

Expressions source(Relation relation, const Cidr& network) {
  return compare(field::source(network.family()), relation, network, !is_one_address(network));
}

Expressions destination(Relation relation, const Cidr& network) {
  return compare(field::destination(network.family()), relation, network, !is_one_address(network));
}

Expressions source_in(const Cidr& network) {
  if (network.prefix_length() == 0) {
    return family(network.family());
  }
  return phrases({family(network.family()),
                  compare(field::source(network.family()), Relation::kIs, network, true)});
}

Expressions not_destination_in(const Cidr& network) {
  return compare(field::destination(network.family()), Relation::kIsNot, network, true);
}

Expressions not_destination_multicast(Family family) {
  return not_destination_in(*Cidr::parse(family == Family::kIpv4 ? "224.0.0.0/4" : "ff00::/8"));
}

Expressions source_is(const IpAddress& address) {
  return source(Relation::kIs, Cidr::host(address));
}

Expressions destination_is(const IpAddress& address) {
  return destination(Relation::kIs, Cidr::host(address));
}

Expressions destination_is_local() {
  return {FibLoad{NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR}, Compare{true, host_order(RTN_LOCAL)}};
}

Expressions destination_was_translated() {
  return {ConntrackLoad{NFT_CT_STATUS}, Mask{host_order(IPS_DST_NAT)},
          Compare{false, host_order(0)}};
}

Expressions input_interface(Relation relation, std::string_view name) {
  std::vector<unsigned char> value = key::ifname(name);
  // Without the zero after it, a name is compared as the beginning of one.
  if (name.ends_with('*')) {
    value.assign(name.begin(), name.end() - 1);
  }
  return {MetaLoad{NFT_META_IIFNAME}, Compare{relation == Relation::kIs, std::move(value)}};
}

Expressions not_from_loopback_interface() {
  return {MetaLoad{NFT_META_IIF}, Compare{false, host_order(kLoopbackIndex)}};
}

Expressions mark(Relation relation, std::uint32_t value, std::uint32_t mask) {
  Expressions expressions = {MetaLoad{NFT_META_MARK}};
  if (mask != 0xffffffff) {
    expressions.emplace_back(Mask{host_order(mask)});
  }
  expressions.emplace_back(Compare{relation == Relation::kIs, host_order(value)});
  return expressions;
}

Expressions in_set(const std::string& set, const std::vector<Field>& fields) {
  return phrases({load_all(fields), {InSet{set}}});
}

}  // namespace match

namespace statement {

Expressions masquerade() { return {Masquerade{}}; }

Expressions set_mark_bit(unsigned bit) {
  return {MetaLoad{NFT_META_MARK}, Mask{host_order(~(1U << bit)), host_order(1U << bit)},
          MetaStore{NFT_META_MARK}};
}

Expressions dnat_by_map(Family family, const std::string& map, const std::vector<Field>& fields) {
  const Layout layout = layout_of(family);
  // The map's data: an address, and a port after it.
  return phrases({load_all(fields),
                  {MapLookup{map},
                   DestinationNat{layout.number, register_at(0), register_at(layout.length)}}});
}

}  // namespace statement

namespace verdict {

Expressions accept() { return {Verdict{NF_ACCEPT}}; }
Expressions drop() { return {Verdict{NF_DROP}}; }
Expressions ret() { return {Verdict{NFT_RETURN}}; }
Expressions jump(std::string_view chain) { return {Verdict{NFT_JUMP, std::string(chain)}}; }

}  // namespace verdict

namespace key {

Bytes address(const IpAddress& address) { return bytes_of(address); }

Bytes ifname(std::string_view name) {
  Bytes bytes(kIfnameLength);
  std::ranges::copy(name.substr(0, kIfnameLength - 1), bytes.begin());
  return bytes;
}

Bytes mac(const MacAddress& mac) { return {mac.bytes().begin(), mac.bytes().end()}; }

Bytes protocol(std::uint8_t protocol) { return {protocol}; }

Bytes port(std::uint16_t port) {
  return {static_cast<unsigned char>(port >> 8U), static_cast<unsigned char>(port)};
}

Bytes concatenated(std::initializer_list<Bytes> fields) {
  Bytes all;
  for (const Bytes& field : fields) {
    all.insert(all.end(), field.begin(), field.end());
    all.resize(padded(static_cast<std::uint32_t>(all.size())));
  }
  return all;
}

}  // namespace key

}  // namespace linnet::netlink::nft
