#include "netlink/nft_parse.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink/message.h"
#include "netlink/nft_encode.h"

namespace linnet::netlink::nft {

namespace {

// Calls `each` with the content of every list element in `nest`.
template <typename Each>
void for_each_element(std::span<const unsigned char> nest, Each&& each) {
  while (const std::optional<Attribute> attribute = take_attribute(nest)) {
    if (attribute->type == NFTA_LIST_ELEM) {
      each(attribute->value);
    }
  }
}

// The text of the comment match of iptables: 256 bytes, cut at the first zero.
std::string comment_of_match(const Attributes<NFTA_MATCH_MAX>& match) {
  return match.text(NFTA_MATCH_NAME) == "comment" ? match.text(NFTA_MATCH_INFO) : std::string();
}

void parse_expression(std::span<const unsigned char> expression, Rule& rule) {
  const Attributes<NFTA_EXPR_MAX> attributes(expression);
  const std::string name = attributes.text(NFTA_EXPR_NAME);
  const std::span<const unsigned char> body = attributes.bytes(NFTA_EXPR_DATA);
  std::span<const unsigned char> value;
  if (name == "immediate") {
    const Attributes<NFTA_DATA_MAX> data(
        Attributes<NFTA_IMMEDIATE_MAX>(body).bytes(NFTA_IMMEDIATE_DATA));
    const Attributes<NFTA_VERDICT_MAX> verdict(data.bytes(NFTA_DATA_VERDICT));
    if (std::string chain = verdict.text(NFTA_VERDICT_CHAIN); !chain.empty()) {
      rule.jump = std::move(chain);
    }
    value = data.bytes(NFTA_DATA_VALUE);
  } else if (name == "cmp") {
    value = Attributes<NFTA_DATA_MAX>(Attributes<NFTA_CMP_MAX>(body).bytes(NFTA_CMP_DATA))
                .bytes(NFTA_DATA_VALUE);
  } else if (name == "match" && rule.comment.empty()) {
    rule.comment = comment_of_match(Attributes<NFTA_MATCH_MAX>(body));
  }
  if (!value.empty()) {
    rule.values.emplace_back(value.begin(), value.end());
  }
}

}  // namespace

Rule parse_rule(const nlmsghdr* message) {
  const Attributes<NFTA_RULE_MAX> attributes(message, sizeof(nfgenmsg));
  Rule rule;
  rule.handle = attributes.be64(NFTA_RULE_HANDLE).value_or(0);
  rule.comment = comment_in(attributes.bytes(NFTA_RULE_USERDATA));
  for_each_element(
      attributes.bytes(NFTA_RULE_EXPRESSIONS),
      [&](std::span<const unsigned char> expression) { parse_expression(expression, rule); });
  return rule;
}

void parse_elements(const nlmsghdr* message, std::vector<Element>& into) {
  const Attributes<NFTA_SET_ELEM_LIST_MAX> list(message, sizeof(nfgenmsg));
  for_each_element(
      list.bytes(NFTA_SET_ELEM_LIST_ELEMENTS), [&](std::span<const unsigned char> item) {
        const Attributes<NFTA_SET_ELEM_MAX> attributes(item);
        const Attributes<NFTA_DATA_MAX> key(attributes.bytes(NFTA_SET_ELEM_KEY));
        const Attributes<NFTA_DATA_MAX> data(attributes.bytes(NFTA_SET_ELEM_DATA));
        const std::span<const unsigned char> key_value = key.bytes(NFTA_DATA_VALUE);
        const std::span<const unsigned char> data_value = data.bytes(NFTA_DATA_VALUE);
        into.push_back({.key = {key_value.begin(), key_value.end()},
                        .data = {data_value.begin(), data_value.end()},
                        .comment = comment_in(attributes.bytes(NFTA_SET_ELEM_USERDATA))});
      });
}

}  // namespace linnet::netlink::nft
