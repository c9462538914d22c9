// Expressions of nftables rules in the kernel's own words. match.h writes them; plugins speak its language and
// never fill in one of these by hand.
// Source: linux/netfilter/nf_tables.h, linux/netfilter/nf_tables_compat.h.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace linnet::netlink::nft {

// An expression that loads writes a register, register 1 unless told otherwise; every other expression reads
// register 1. Register 1 has 16 bytes; kRegister32 and the following seven numbers name the same space and what
// comes after it in steps of 4 bytes, which is how the fields of a concatenation are put side by side.
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
// The answer of a routing lookup: with NFT_FIB_RESULT_ADDRTYPE the type (RTN_*, host order) of an address.
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
  std::int32_t code = 0;   // NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP, NFT_GOTO
  std::string chain = {};  // the target of a jump or goto
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

// A phrase of a rule, or the whole of it, from left to right.
using Expressions = std::vector<Expression>;

}  // namespace linnet::netlink::nft
