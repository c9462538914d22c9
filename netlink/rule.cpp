#include "netlink/rule.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/text.h"
#include "netlink/message.h"
#include "netlink/parse.h"
#include "netlink/socket.h"

namespace linnet::netlink {

namespace {

Message rule_message(int type, int flags, const Rule& rule) {
  fib_rule_hdr header{};
  header.family = rule.source.is_ipv4() ? AF_INET : AF_INET6;
  header.src_len = static_cast<unsigned char>(rule.source.prefix_length());
  header.action = FR_ACT_TO_TBL;
  Message message(type, flags);
  message.header(header);
  if (rule.source.prefix_length() != 0) {
    message.address(FRA_SRC, rule.source.address());
  }
  message.u32(FRA_TABLE, rule.table);
  if (rule.priority != 0) {
    message.u32(FRA_PRIORITY, rule.priority);
  }
  return message;
}

std::string describe(const Rule& rule) {
  return concat("rule from ", rule.source.text(), " lookup ", rule.table);
}

}  // namespace

void add_rule(Batch& batch, const Rule& rule) {
  batch.append(rule_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule),
               concat("add ", describe(rule)));
}

void remove_rule(Batch& batch, const Rule& rule) {
  batch.append(rule_message(RTM_DELRULE, 0, rule), concat("remove ", describe(rule)));
}

std::optional<Rule> parse_rule(const nlmsghdr* message) {
  const auto* header = header_of<fib_rule_hdr>(message, RTM_NEWRULE);
  if (header == nullptr || header->action != FR_ACT_TO_TBL) {
    return std::nullopt;
  }
  const Attributes<FRA_MAX> attributes(message, sizeof *header);
  const IpAddress source = IpAddress::from_bytes(attributes.bytes(FRA_SRC))
                               .value_or(IpAddress::unspecified(
                                   header->family == AF_INET ? Family::kIpv4 : Family::kIpv6));
  if (header->src_len > source.bits()) {
    return std::nullopt;
  }
  return Rule{.source = {source, header->src_len},
              .table = attributes.number<std::uint32_t>(FRA_TABLE).value_or(header->table),
              .priority = attributes.number<std::uint32_t>(FRA_PRIORITY).value_or(0)};
}

}  // namespace linnet::netlink
