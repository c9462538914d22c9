// The vocabulary of nftables rules: what a packet must be like (match), what a concatenated lookup is made of (field),
// what the keys of sets look like (key), and what is done (statement, verdict). Offsets, registers, address lengths and
// byte order are known here alone.
// Source: nft(8).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "netlink/expression.h"

namespace linnet::netlink::nft {

// A rule from its phrases, from left to right.
[[nodiscard]] Expressions phrases(std::initializer_list<Expressions> parts);

enum class Relation { kIs, kIsNot };

// Parts of the packet, to be looked up side by side in the elements of a set or map.
struct Field {
  std::variant<MetaLoad, PayloadLoad> load;
  std::uint32_t length = 0;  // bytes, without padding
};
namespace field {
[[nodiscard]] Field source(Family family);
[[nodiscard]] Field destination(Family family);
[[nodiscard]] Field input_interface();   // its name
[[nodiscard]] Field output_interface();  // its name
[[nodiscard]] Field source_mac();
[[nodiscard]] Field transport_protocol();
[[nodiscard]] Field destination_port();
}  // namespace field

namespace match {
// The matches of addresses read the packet as one of their family: in a chain that sees both, this goes before them.
[[nodiscard]] Expressions family(Family family);

// Addresses against a prefix. A prefix that is one whole address is compared without a mask, as nft(8) writes it.
[[nodiscard]] Expressions source(Relation relation, const Cidr& network);
[[nodiscard]] Expressions destination(Relation relation, const Cidr& network);
// "ip saddr PREFIX" with its family, all of the family where the prefix holds every address.
[[nodiscard]] Expressions source_in(const Cidr& network);
// A masked comparison whatever the prefix's length is.
[[nodiscard]] Expressions not_destination_in(const Cidr& network);
[[nodiscard]] Expressions not_destination_multicast(Family family);
[[nodiscard]] Expressions source_is(const IpAddress& address);
[[nodiscard]] Expressions destination_is(const IpAddress& address);
// Routing says that the destination is an address of this host.
[[nodiscard]] Expressions destination_is_local();
// Somebody translated the destination of the packet's connection.
[[nodiscard]] Expressions destination_was_translated();

// A name, or the beginning of one before a '*': "eth*".
[[nodiscard]] Expressions input_interface(Relation relation, std::string_view name);
[[nodiscard]] Expressions not_from_loopback_interface();

// Bits of the packet's mark.
[[nodiscard]] Expressions mark(Relation relation, std::uint32_t value,
                               std::uint32_t mask = 0xffffffff);

// A set has the fields as one key, in this order.
[[nodiscard]] Expressions in_set(const std::string& set, const std::vector<Field>& fields);
}  // namespace match

namespace statement {
[[nodiscard]] Expressions masquerade();
// Sets one bit of the packet's mark and keeps the others.
[[nodiscard]] Expressions set_mark_bit(unsigned bit);
// Translates the destination to the address and port that `map` has for the fields; the rule ends where it has none.
[[nodiscard]] Expressions dnat_by_map(Family family, const std::string& map,
                                      const std::vector<Field>& fields);
}  // namespace statement

namespace verdict {
[[nodiscard]] Expressions accept();
[[nodiscard]] Expressions drop();
[[nodiscard]] Expressions ret();
[[nodiscard]] Expressions jump(std::string_view chain);
}  // namespace verdict

// Keys and data of elements. Each field takes a multiple of four bytes where there are several.
namespace key {
using Bytes = std::vector<unsigned char>;
[[nodiscard]] Bytes address(const IpAddress& address);
// Sixteen bytes, padded with zeros; a name of more than 15 characters is cut off.
[[nodiscard]] Bytes ifname(std::string_view name);
[[nodiscard]] Bytes mac(const MacAddress& mac);
[[nodiscard]] Bytes protocol(std::uint8_t protocol);
[[nodiscard]] Bytes port(std::uint16_t port);  // in network order
// Side by side, each padded.
[[nodiscard]] Bytes concatenated(std::initializer_list<Bytes> fields);
}  // namespace key

}  // namespace linnet::netlink::nft
