#include "netlink/nft_encode.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

namespace linnet::netlink::nft {

namespace {

// Every expression here reads what the one before it loaded.
constexpr std::uint32_t kRegister = NFT_REG_1;
// The first type of user data that nft(8) defines, for rules as for set elements.
constexpr unsigned char kCommentType = 0;
constexpr std::size_t kLongestComment = 128;

void put_value(Message& message, int attribute, const std::vector<unsigned char>& value) {
  message.nest(attribute, [&] { message.bytes(NFTA_DATA_VALUE, value); });
}

void put_data(Message& message, const MetaLoad& load) {
  message.be32(NFTA_META_KEY, load.key).be32(NFTA_META_DREG, load.into_register);
}

void put_data(Message& message, const PayloadLoad& load) {
  message.be32(NFTA_PAYLOAD_DREG, load.into_register)
      .be32(NFTA_PAYLOAD_BASE, load.base)
      .be32(NFTA_PAYLOAD_OFFSET, load.offset)
      .be32(NFTA_PAYLOAD_LEN, load.length);
}

void put_data(Message& message, const FibLoad& load) {
  message.be32(NFTA_FIB_DREG, kRegister)
      .be32(NFTA_FIB_RESULT, load.result)
      .be32(NFTA_FIB_FLAGS, load.flags);
}

void put_data(Message& message, const Mask& mask) {
  message.be32(NFTA_BITWISE_SREG, kRegister)
      .be32(NFTA_BITWISE_DREG, kRegister)
      .be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.mask.size()));
  put_value(message, NFTA_BITWISE_MASK, mask.mask);
  std::vector<unsigned char> flip = mask.flip;
  flip.resize(mask.mask.size());
  put_value(message, NFTA_BITWISE_XOR, flip);
}

void put_data(Message& message, const Compare& compare) {
  message.be32(NFTA_CMP_SREG, kRegister)
      .be32(NFTA_CMP_OP, compare.equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
  put_value(message, NFTA_CMP_DATA, compare.value);
}

void put_data(Message& message, const InSet& lookup) {
  message.text(NFTA_LOOKUP_SET, lookup.set).be32(NFTA_LOOKUP_SREG, kRegister);
}

void put_data(Message& message, const MapLookup& lookup) {
  message.text(NFTA_LOOKUP_SET, lookup.map)
      .be32(NFTA_LOOKUP_SREG, kRegister)
      .be32(NFTA_LOOKUP_DREG, kRegister);
}

void put_data(Message&, const Masquerade&) {}

void put_data(Message& message, const DestinationNat& nat) {
  message.be32(NFTA_NAT_TYPE, NFT_NAT_DNAT)
      .be32(NFTA_NAT_FAMILY, nat.family)
      .be32(NFTA_NAT_REG_ADDR_MIN, nat.address_register);
  if (nat.port_register != 0) {
    message.be32(NFTA_NAT_REG_PROTO_MIN, nat.port_register);
  }
}

void put_data(Message& message, const ConntrackLoad& load) {
  message.be32(NFTA_CT_DREG, kRegister).be32(NFTA_CT_KEY, load.key);
}

void put_data(Message& message, const MetaStore& store) {
  message.be32(NFTA_META_KEY, store.key).be32(NFTA_META_SREG, kRegister);
}

void put_data(Message& message, const Verdict& verdict) {
  message.be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  message.nest(NFTA_IMMEDIATE_DATA, [&] {
    message.nest(NFTA_DATA_VERDICT, [&] {
      message.be32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(verdict.code));
      if (!verdict.chain.empty()) {
        message.text(NFTA_VERDICT_CHAIN, verdict.chain);
      }
    });
  });
}

// The kernel's structures of matches are padded to 8 bytes.
void put_data(Message& message, const XtablesMatch& match) {
  std::vector<unsigned char> info = match.info;
  info.resize((info.size() + 7) & ~std::size_t{7});
  message.text(NFTA_MATCH_NAME, match.name)
      .be32(NFTA_MATCH_REV, match.revision)
      .bytes(NFTA_MATCH_INFO, info);
}

void put_data(Message&, const Counter&) {}

std::string_view name_of(const Expression& expression) {
  constexpr std::string_view kNames[] = {"meta",   "payload", "fib",   "bitwise", "cmp",
                                         "lookup", "lookup",  "masq",  "nat",     "immediate",
                                         "ct",     "meta",    "match", "counter"};
  static_assert(std::size(kNames) == std::variant_size_v<Expression>);
  return kNames[expression.index()];
}

}  // namespace

Message nft_message(int type, int flags, const Table& table) {
  nfgenmsg header{};
  header.nfgen_family = static_cast<unsigned char>(table.family);
  header.version = NFNETLINK_V0;
  Message message(NFNL_SUBSYS_NFTABLES << 8 | type, flags);
  message.header(header);
  return message;
}

void put_expressions(Message& message, const std::vector<Expression>& expressions) {
  message.nest(NFTA_RULE_EXPRESSIONS, [&] {
    for (const Expression& expression : expressions) {
      message.nest(NFTA_LIST_ELEM, [&] {
        message.text(NFTA_EXPR_NAME, name_of(expression));
        message.nest(NFTA_EXPR_DATA, [&] {
          std::visit([&](const auto& data) { put_data(message, data); }, expression);
        });
      });
    }
  });
}

void put_comment(Message& message, int attribute, const std::string& comment) {
  if (comment.empty()) {
    return;
  }
  const std::string text = comment.substr(0, kLongestComment - 1);
  std::vector<unsigned char> data = {kCommentType, static_cast<unsigned char>(text.size() + 1)};
  data.insert(data.end(), text.begin(), text.end());
  data.push_back(0);
  message.bytes(attribute, data);
}

std::string comment_in(std::span<const unsigned char> user_data) {
  while (user_data.size() >= 2) {
    const std::size_t length = user_data[1];
    if (length > user_data.size() - 2) {
      break;
    }
    if (user_data[0] == kCommentType) {
      const auto* text = reinterpret_cast<const char*>(user_data.data() + 2);
      return {text, ::strnlen(text, length)};
    }
    user_data = user_data.subspan(2 + length);
  }
  return {};
}

}  // namespace linnet::netlink::nft
