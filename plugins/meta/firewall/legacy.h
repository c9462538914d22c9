// Rules of the legacy iptables (xtables), which the kernel shows to nobody but its own tool: that is executed,
// and only on hosts where the legacy table "filter" exists.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/problems.h"

namespace linnet::firewall {

// A rule as the tool lists it, cut into words, without "-A CHAIN".
struct LegacyRule {
  std::vector<std::string> words;
  std::string comment;
};

// What of the table concerns containers.
struct LegacyListing {
  bool forward_drops = false;  // what no rule accepts
  std::set<std::string> chains;
  std::vector<LegacyRule> forward;     // rules of FORWARD
  std::vector<LegacyRule> containers;  // rules of CNI-FORWARD
};

// Of what `iptables -S` prints. Absent when that is no whole listing.
[[nodiscard]] std::optional<LegacyListing> parse_legacy_listing(const std::string& text);

// The answers of the tool decide what is there only where it ended with status 0 and printed a listing: any other
// status means "no" as well as "I could not find out". Everything throws when the tool does anything else: cni::Error,
// with kTryAgainLater when another program has the lock of xtables for ten seconds, or the tool does not end.
class LegacyFilter {
 public:
  // Absent when the host has no legacy table "filter" for that family, and, with a warning, when it has one, but no tool
  // for it. Throws SystemError when that cannot be found out.
  [[nodiscard]] static std::optional<LegacyFilter> find(Family family);

  // Whether FORWARD drops what no rule accepts.
  [[nodiscard]] bool drops() const;

  // Chains and rules as in iptables-nft. What the attachment had is replaced. When it throws, rules may be
  // there that remove() finds.
  void accept(const std::vector<Cidr>& addresses, const std::string& admin_chain,
              const attach::Attachment& attachment) const;
  // Goes on after errors, throws at the end when such rules are left.
  void remove(const std::function<bool(const LegacyRule&)>& wanted) const;

  // What of it is not there.
  [[nodiscard]] attach::Problems problems(const std::vector<Cidr>& addresses,
                                          const std::string& admin_chain,
                                          const attach::Attachment& attachment) const;

 private:
  LegacyFilter(Family family, std::string tool) : family_(family), tool_(std::move(tool)) {}
  // What it printed.
  std::string run(const std::vector<std::string>& arguments) const;
  [[nodiscard]] LegacyListing list() const;
  void ensure_chain(const LegacyListing& before, const std::string& chain) const;

  Family family_;
  std::string tool_;
};

// Whether ADD of this plugin made it for the attachment.
[[nodiscard]] bool is_rule_of(const LegacyRule& rule, const attach::Attachment& attachment);

// Whether it is one of the two rules that the reference makes for one of the addresses.
[[nodiscard]] bool is_rule_of_reference(const LegacyRule& rule, const std::vector<Cidr>& addresses);

}  // namespace linnet::firewall
