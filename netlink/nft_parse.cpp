#include "netlink/internal/nft_parse.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cstring>

#include "netlink/internal/nft_clean_copy.h"
#include "netlink/internal/nft_objects.h"

namespace linnet::netlink::nft {

namespace {

using Kind = KnownAttribute::Kind;

constexpr KnownAttribute kValue[] = {{NFTA_DATA_VALUE}};
// The only verdicts that say something about a rule. libnftnl believes that a jump has its target.
constexpr KnownAttribute kJump[] = {{NFTA_VERDICT_CODE, Kind::kU32},
                                    {NFTA_VERDICT_CHAIN, Kind::kText}};
constexpr KnownAttribute kValueOrJump[] = {{NFTA_DATA_VALUE},
                                           {NFTA_DATA_VERDICT, Kind::kWholeNest, kJump}};
constexpr KnownAttribute kImmediate[] = {{NFTA_IMMEDIATE_DATA, Kind::kNest, kValueOrJump}};
constexpr KnownAttribute kCompare[] = {{NFTA_CMP_DATA, Kind::kNest, kValue}};
constexpr KnownAttribute kMatch[] = {{NFTA_MATCH_NAME, Kind::kText}, {NFTA_MATCH_INFO}};
// What tells a rule from others: constants, targets, the comments of iptables.
constexpr KnownExpression kExpressions[] = {
    {"immediate", kImmediate}, {"cmp", kCompare}, {"match", kMatch}};
constexpr KnownAttribute kRuleFacts[] = {{NFTA_RULE_HANDLE, Kind::kU64}, {NFTA_RULE_USERDATA}};
constexpr KnownAttribute kRule[] = {{NFTA_RULE_HANDLE, Kind::kU64},
                                    {NFTA_RULE_USERDATA},
                                    {NFTA_RULE_EXPRESSIONS, Kind::kExpressions}};

constexpr KnownAttribute kElement[] = {{NFTA_SET_ELEM_KEY, Kind::kNest, kValue},
                                       {NFTA_SET_ELEM_DATA, Kind::kNest, kValue},
                                       {NFTA_SET_ELEM_USERDATA}};
constexpr KnownAttribute kElementList[] = {{NFTA_LIST_ELEM, Kind::kNest, kElement}};
constexpr KnownAttribute kElements[] = {{NFTA_SET_ELEM_LIST_ELEMENTS, Kind::kNest, kElementList}};

constexpr KnownAttribute kSetName[] = {{NFTA_SET_NAME, Kind::kText}};
constexpr KnownAttribute kChainPolicy[] = {{NFTA_CHAIN_POLICY, Kind::kU32}};

std::vector<unsigned char> bytes_of(const void* data, std::size_t size) {
  const auto* const first = static_cast<const unsigned char*>(data);
  return first == nullptr ? std::vector<unsigned char>{}
                          : std::vector<unsigned char>(first, first + size);
}

// The text of the comment match of iptables: 256 bytes, cut at the first zero.
std::string comment_of_match(const nftnl_expr* match) {
  const char* const name = nftnl_expr_get_str(match, NFTNL_EXPR_MT_NAME);
  std::uint32_t size = 0;
  const auto* const info =
      static_cast<const char*>(nftnl_expr_get(match, NFTNL_EXPR_MT_INFO, &size));
  return name != nullptr && info != nullptr && std::string_view(name) == "comment"
             ? std::string(info, ::strnlen(info, size))
             : std::string();
}

void read_expression(const nftnl_expr* expression, Rule& rule) {
  const std::string_view name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  std::uint32_t size = 0;
  const void* value = nullptr;
  if (name == "immediate") {
    if (const char* const chain = nftnl_expr_get_str(expression, NFTNL_EXPR_IMM_CHAIN)) {
      rule.jump = chain;
    }
    value = nftnl_expr_get(expression, NFTNL_EXPR_IMM_DATA, &size);
  } else if (name == "cmp") {
    value = nftnl_expr_get(expression, NFTNL_EXPR_CMP_DATA, &size);
  } else if (name == "match" && rule.comment.empty()) {
    rule.comment = comment_of_match(expression);
  }
  if (value != nullptr && size != 0) {
    rule.values.push_back(bytes_of(value, size));
  }
}

// Null when libnftnl does not take it.
RuleObject parse(const nlmsghdr* message, std::span<const KnownAttribute> known) {
  auto object = owned_or_throw<RuleObject>(nftnl_rule_alloc());
  const MessageBuffer copy = clean_copy(message, known, kExpressions);
  return nftnl_rule_nlmsg_parse(copy.header(), object.get()) < 0 ? nullptr : std::move(object);
}

std::string comment_of(const void* data, std::uint32_t size) {
  return data == nullptr ? std::string()
                         : comment_in({static_cast<const unsigned char*>(data), size});
}

Element element_of(nftnl_set_elem* object) {
  std::uint32_t size = 0;
  Element element;
  // The last argument counts only after the call that sets it.
  const void* part = nftnl_set_elem_get(object, NFTNL_SET_ELEM_KEY, &size);
  element.key = bytes_of(part, size);
  part = nftnl_set_elem_get(object, NFTNL_SET_ELEM_DATA, &size);
  element.data = bytes_of(part, size);
  part = nftnl_set_elem_get(object, NFTNL_SET_ELEM_USERDATA, &size);
  element.comment = comment_of(part, size);
  return element;
}

}  // namespace

bool is_about(const nlmsghdr* message, int type) {
  return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type) &&
         message->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(nfgenmsg);
}

Rule parse_rule(const nlmsghdr* message) {
  Rule rule;
  if (!is_about(message, NFT_MSG_NEWRULE)) {
    return rule;
  }
  RuleObject object = parse(message, kRule);
  if (object == nullptr) {
    object = parse(message, kRuleFacts);
  }
  if (object == nullptr) {
    return rule;
  }
  rule.handle = nftnl_rule_get_u64(object.get(), NFTNL_RULE_HANDLE);
  std::uint32_t size = 0;
  const void* const user_data = nftnl_rule_get_data(object.get(), NFTNL_RULE_USERDATA, &size);
  rule.comment = comment_of(user_data, size);
  const auto expressions = owned_or_throw<ExpressionIterator>(nftnl_expr_iter_create(object.get()));
  while (const nftnl_expr* const expression = nftnl_expr_iter_next(expressions.get())) {
    read_expression(expression, rule);
  }
  return rule;
}

void parse_elements(const nlmsghdr* message, std::vector<Element>& into) {
  if (!is_about(message, NFT_MSG_NEWSETELEM)) {
    return;
  }
  const auto set = owned_or_throw<SetObject>(nftnl_set_alloc());
  const MessageBuffer copy = clean_copy(message, kElements);
  // Those before one that it does not take are in the set.
  static_cast<void>(nftnl_set_elems_nlmsg_parse(copy.header(), set.get()));
  const auto elements = owned_or_throw<ElementIterator>(nftnl_set_elems_iter_create(set.get()));
  while (nftnl_set_elem* const element = nftnl_set_elems_iter_next(elements.get())) {
    into.push_back(element_of(element));
  }
}

std::string parse_set_name(const nlmsghdr* message) {
  const auto set = owned_or_throw<SetObject>(nftnl_set_alloc());
  const MessageBuffer copy = clean_copy(message, kSetName);
  static_cast<void>(nftnl_set_nlmsg_parse(copy.header(), set.get()));
  const char* const name = nftnl_set_get_str(set.get(), NFTNL_SET_NAME);
  return name == nullptr ? std::string() : std::string(name);
}

std::optional<Policy> parse_policy(const nlmsghdr* message) {
  const auto chain = owned_or_throw<ChainObject>(nftnl_chain_alloc());
  const MessageBuffer copy = clean_copy(message, kChainPolicy);
  static_cast<void>(nftnl_chain_nlmsg_parse(copy.header(), chain.get()));
  if (!nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_POLICY)) {
    return std::nullopt;
  }
  return nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY) == NF_DROP ? Policy::kDrop
                                                                         : Policy::kAccept;
}

std::string comment_in(std::span<const unsigned char> user_data) {
  // nftnl_udata_parse() believes the lengths in it.
  while (user_data.size() >= 2) {
    const std::size_t length = user_data[1];
    if (length > user_data.size() - 2) {
      break;
    }
    const auto* const attribute = reinterpret_cast<const nftnl_udata*>(user_data.data());
    if (nftnl_udata_type(attribute) == NFTNL_UDATA_RULE_COMMENT) {
      const auto* const text = static_cast<const char*>(nftnl_udata_get(attribute));
      return {text, ::strnlen(text, length)};
    }
    user_data = user_data.subspan(2 + length);
  }
  return {};
}

}  // namespace linnet::netlink::nft
