// Rules of the legacy iptables (xtables), which the kernel shows to nobody but its own tool: that is executed,
// and only on hosts where the legacy table "filter" exists.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/problems.h"

namespace linnet::firewall {

// A rule of CNI-FORWARD as the tool lists it, cut into words, without "-A CNI-FORWARD".
struct LegacyRule {
  std::vector<std::string> words;
  std::string comment;
};

// The rules in what `iptables -S CNI-FORWARD` prints.
[[nodiscard]] std::vector<LegacyRule> parse_legacy_rules(const std::string& listing);

class LegacyFilter {
 public:
  // Absent when the host has no legacy table "filter" for that family. Throws SystemError when it has one,
  // but no tool for it.
  [[nodiscard]] static std::optional<LegacyFilter> find(Family family);

  // Whether FORWARD drops what no rule accepts.
  [[nodiscard]] bool drops() const;

  // Chains and rules as in iptables-nft. What the attachment had is replaced. When it throws, rules may be
  // there that remove() finds.
  void accept(const std::vector<Cidr>& addresses, const std::string& admin_chain,
              const attach::Attachment& attachment) const;
  // Goes on after errors, throws at the end.
  void remove(const std::function<bool(const LegacyRule&)>& wanted) const;

  // What of it is not there.
  [[nodiscard]] attach::Problems problems(const std::vector<Cidr>& addresses,
                                          const std::string& admin_chain,
                                          const attach::Attachment& attachment) const;

 private:
  LegacyFilter(Family family, std::string tool) : family_(family), tool_(std::move(tool)) {}
  struct Output {
    int exit_code = 0;
    std::string text;
  };
  [[nodiscard]] Output run(const std::vector<std::string>& arguments) const;
  void must_run(const std::vector<std::string>& arguments) const;
  void ensure_chain(const std::string& chain) const;
  void ensure_jump(const std::vector<std::string>& rule) const;

  Family family_;
  std::string tool_;
};

// Whether it is one of the two rules that the reference makes for one of the addresses.
[[nodiscard]] bool is_rule_of_reference(const LegacyRule& rule, const std::vector<Cidr>& addresses);

}  // namespace linnet::firewall
