#include "netlink/internal/nft_expressions.h"

#include <linux/netfilter/nf_tables.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace linnet::netlink::nft {

namespace {

// Every expression here reads what the one before it loaded.
constexpr std::uint32_t kRegister = NFT_REG_1;
static_assert(kLongestValue == NFT_DATA_VALUE_MAXLEN);

ExpressionObject make(const char* name) {
  return owned_or_throw<ExpressionObject>(nftnl_expr_alloc(name));
}

void put(const ExpressionObject& object, std::uint16_t attribute, std::uint32_t value) {
  nftnl_expr_set_u32(object.get(), attribute, value);
}

void put(const ExpressionObject& object, std::uint16_t attribute, const std::string& value) {
  check_copied(nftnl_expr_set_str(object.get(), attribute, value.c_str()));
}

void put(const ExpressionObject& object, std::uint16_t attribute,
         const std::vector<unsigned char>& value) {
  check_copied(nftnl_expr_set(object.get(), attribute, value.data(), length_of_value(value)));
}

ExpressionObject make_object(const MetaLoad& load) {
  ExpressionObject object = make("meta");
  put(object, NFTNL_EXPR_META_KEY, load.key);
  put(object, NFTNL_EXPR_META_DREG, load.into_register);
  return object;
}

ExpressionObject make_object(const PayloadLoad& load) {
  ExpressionObject object = make("payload");
  put(object, NFTNL_EXPR_PAYLOAD_DREG, load.into_register);
  put(object, NFTNL_EXPR_PAYLOAD_BASE, load.base);
  put(object, NFTNL_EXPR_PAYLOAD_OFFSET, load.offset);
  put(object, NFTNL_EXPR_PAYLOAD_LEN, load.length);
  return object;
}

ExpressionObject make_object(const FibLoad& load) {
  ExpressionObject object = make("fib");
  put(object, NFTNL_EXPR_FIB_DREG, kRegister);
  put(object, NFTNL_EXPR_FIB_RESULT, load.result);
  put(object, NFTNL_EXPR_FIB_FLAGS, load.flags);
  return object;
}

ExpressionObject make_object(const Mask& mask) {
  ExpressionObject object = make("bitwise");
  put(object, NFTNL_EXPR_BITWISE_SREG, kRegister);
  put(object, NFTNL_EXPR_BITWISE_DREG, kRegister);
  put(object, NFTNL_EXPR_BITWISE_LEN, length_of_value(mask.mask));
  put(object, NFTNL_EXPR_BITWISE_MASK, mask.mask);
  std::vector<unsigned char> flip = mask.flip;
  flip.resize(mask.mask.size());
  put(object, NFTNL_EXPR_BITWISE_XOR, flip);
  return object;
}

ExpressionObject make_object(const Compare& compare) {
  ExpressionObject object = make("cmp");
  put(object, NFTNL_EXPR_CMP_SREG, kRegister);
  put(object, NFTNL_EXPR_CMP_OP,
      static_cast<std::uint32_t>(compare.equal ? NFT_CMP_EQ : NFT_CMP_NEQ));
  put(object, NFTNL_EXPR_CMP_DATA, compare.value);
  return object;
}

ExpressionObject make_object(const InSet& lookup) {
  ExpressionObject object = make("lookup");
  put(object, NFTNL_EXPR_LOOKUP_SET, lookup.set);
  put(object, NFTNL_EXPR_LOOKUP_SREG, kRegister);
  return object;
}

ExpressionObject make_object(const MapLookup& lookup) {
  ExpressionObject object = make_object(InSet{lookup.map});
  put(object, NFTNL_EXPR_LOOKUP_DREG, kRegister);
  return object;
}

ExpressionObject make_object(const Masquerade&) { return make("masq"); }

ExpressionObject make_object(const DestinationNat& nat) {
  ExpressionObject object = make("nat");
  put(object, NFTNL_EXPR_NAT_TYPE, std::uint32_t{NFT_NAT_DNAT});
  put(object, NFTNL_EXPR_NAT_FAMILY, std::uint32_t{nat.family});
  put(object, NFTNL_EXPR_NAT_REG_ADDR_MIN, nat.address_register);
  if (nat.port_register != 0) {
    put(object, NFTNL_EXPR_NAT_REG_PROTO_MIN, nat.port_register);
  }
  return object;
}

ExpressionObject make_object(const Verdict& verdict) {
  ExpressionObject object = make("immediate");
  put(object, NFTNL_EXPR_IMM_DREG, std::uint32_t{NFT_REG_VERDICT});
  put(object, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(verdict.code));
  if (!verdict.chain.empty()) {
    put(object, NFTNL_EXPR_IMM_CHAIN, verdict.chain);
  }
  return object;
}

ExpressionObject make_object(const ConntrackLoad& load) {
  ExpressionObject object = make("ct");
  put(object, NFTNL_EXPR_CT_DREG, kRegister);
  put(object, NFTNL_EXPR_CT_KEY, load.key);
  return object;
}

ExpressionObject make_object(const MetaStore& store) {
  ExpressionObject object = make("meta");
  put(object, NFTNL_EXPR_META_KEY, store.key);
  put(object, NFTNL_EXPR_META_SREG, kRegister);
  return object;
}

// The kernel's structures of matches are padded to 8 bytes.
std::size_t padded_size(const XtablesMatch& match) {
  return (match.info.size() + 7) & ~std::size_t{7};
}

ExpressionObject make_object(const XtablesMatch& match) {
  ExpressionObject object = make("match");
  put(object, NFTNL_EXPR_MT_NAME, match.name);
  put(object, NFTNL_EXPR_MT_REV, match.revision);
  // libnftnl keeps this pointer and frees it with the expression.
  void* const info = std::calloc(1, padded_size(match));
  if (info == nullptr) {
    throw std::bad_alloc();
  }
  std::memcpy(info, match.info.data(), match.info.size());
  nftnl_expr_set(object.get(), NFTNL_EXPR_MT_INFO, info,
                 static_cast<std::uint32_t>(padded_size(match)));
  return object;
}

ExpressionObject make_object(const Counter&) { return make("counter"); }

}  // namespace

std::uint32_t length_of_value(const std::vector<unsigned char>& value) {
  if (value.size() > kLongestValue) {
    throw SystemError(EMSGSIZE, "write an nftables value");
  }
  return static_cast<std::uint32_t>(value.size());
}

ExpressionObject object_of(const Expression& expression) {
  return std::visit([](const auto& kind) { return make_object(kind); }, expression);
}

std::size_t room_for_expression(const Expression& expression) {
  // The nest, the name, and at most eight numbers, constants or names of an expression.
  constexpr std::size_t kParts = 128;
  std::size_t texts = 2 * kLongestValue;
  if (const auto* in_set = std::get_if<InSet>(&expression)) {
    texts += in_set->set.size();
  } else if (const auto* map = std::get_if<MapLookup>(&expression)) {
    texts += map->map.size();
  } else if (const auto* verdict = std::get_if<Verdict>(&expression)) {
    texts += verdict->chain.size();
  } else if (const auto* match = std::get_if<XtablesMatch>(&expression)) {
    texts += match->name.size() + padded_size(*match);
  }
  return kParts + texts;
}

}  // namespace linnet::netlink::nft
