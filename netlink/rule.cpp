#include "netlink/rule.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/text.h"
#include "netlink/conversation.h"
#include "netlink/internal/libnl.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

using nl::RuleObject;

RuleObject rule_object(const Rule& rule) {
  RuleObject object = nl::own<RuleObject>(rtnl_rule_alloc());
  rtnl_rule_set_family(object.get(), rule.source.is_ipv4() ? AF_INET : AF_INET6);
  rtnl_rule_set_action(object.get(), FR_ACT_TO_TBL);
  rtnl_rule_set_table(object.get(), rule.table);
  if (rule.source.prefix_length() != 0) {
    nl::require(rtnl_rule_set_src(object.get(), nl::to_bytes(rule.source).get()),
                "set a rule's source");
  }
  if (rule.priority != 0) {
    rtnl_rule_set_prio(object.get(), rule.priority);
  }
  return object;
}

std::string describe(const Rule& rule) {
  return concat("rule from ", rule.source.text(), " lookup ", rule.table);
}

}  // namespace

void add_rule(Batch& batch, const Rule& rule) {
  const std::string what = concat("add ", describe(rule));
  const RuleObject object = rule_object(rule);
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_rule_build_add_request(object.get(),
                                                                           NLM_F_EXCL, message);
                                      }),
             what);
}

void remove_rule(Batch& batch, const Rule& rule) {
  const std::string what = concat("remove ", describe(rule));
  const RuleObject object = rule_object(rule);
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_rule_build_delete_request(object.get(), 0,
                                                                              message);
                                      }),
             what);
}

std::optional<Rule> parse_rule(const nlmsghdr* message) {
  const auto* header = nl::header_of<fib_rule_hdr>(message, RTM_NEWRULE);
  if (header == nullptr || header->action != FR_ACT_TO_TBL) {
    return std::nullopt;
  }
  const nl::Object object = nl::parse(message);
  if (!object) {
    return std::nullopt;
  }
  auto* const read = reinterpret_cast<rtnl_rule*>(object.get());
  const IpAddress source =
      nl::to_ip_address(rtnl_rule_get_src(read))
          .value_or(IpAddress::unspecified(header->family == AF_INET ? Family::kIpv4
                                                                     : Family::kIpv6));
  if (header->src_len > source.bits()) {
    return std::nullopt;
  }
  return Rule{.source = {source, header->src_len},
              .table = rtnl_rule_get_table(read),
              .priority = rtnl_rule_get_prio(read)};
}

}  // namespace linnet::netlink
