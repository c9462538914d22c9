#include "plugins/meta/firewall/accept.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "netlink/iptables.h"
#include "netlink/match.h"
#include "plugins/attach/leftovers.h"

namespace linnet::firewall {

namespace nft = netlink::nft;
namespace iptables = netlink::iptables;

namespace {

const std::string kForward = "FORWARD";
const std::string kContainers = "CNI-FORWARD";
constexpr std::string_view kEntryComment = "CNI firewall plugin rules";
constexpr std::string_view kAdminComment = "CNI firewall plugin admin overrides";
constexpr std::size_t kRulesPerAddress = 2;

// Another plugin may make the same chains first; more than a few rounds mean that something else is wrong.
constexpr int kAttempts = 5;

bool jumps(const std::vector<nft::Rule>& rules, const std::string& chain) {
  return std::ranges::find(rules, chain, &nft::Rule::jump) != rules.end();
}

bool is_own(const nft::Rule& rule, const attach::Attachment& attachment) {
  return attach::key_in_comment(rule.comment) == attach::owner_key(attachment);
}

std::vector<Cidr> of_family(const Subject& subject, Family family) {
  std::vector<Cidr> addresses;
  std::ranges::copy_if(subject.addresses, std::back_inserter(addresses),
                       [&](const Cidr& address) { return address.family() == family; });
  return addresses;
}

nft::NewRule jump_rule(const std::string& from, const std::string& to, std::string_view comment) {
  return iptables::rule(from, {iptables::match_comment(comment)}, nft::verdict::jump(to));
}

// -d IP -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT, -s IP -j ACCEPT
void accept(nft::Transaction& transaction, const nft::Table& table, const IpAddress& address,
            const std::string& comment) {
  transaction.add_rule(
      table, iptables::rule(kContainers,
                            {iptables::match_address(iptables::Side::kDestination, address),
                             iptables::match_established(), iptables::match_comment(comment)},
                            nft::verdict::accept()));
  transaction.add_rule(table,
                       iptables::rule(kContainers,
                                      {iptables::match_address(iptables::Side::kSource, address),
                                       iptables::match_comment(comment)},
                                      nft::verdict::accept()));
}

// The chains as the reference has them, each jumped to by the first rule of the one before.
void ensure_chains(nft::NftSocket& socket, nft::Transaction& transaction, const nft::Table& table,
                   const std::string& admin_chain, const attach::Attachment& attachment) {
  const bool present = socket.have_chains({{table, kContainers}}).front();
  const std::vector<nft::Rule> forward = socket.list_rules(table, kForward);
  const std::vector<nft::Rule> containers = socket.list_rules(table, kContainers);
  transaction.add_table(table);
  transaction.add_chain(table, {.name = kForward, .type = "filter", .hook = nft::Hook::kForward});
  transaction.add_chain(table, {.name = kContainers, .type = {}, .exclusive = !present});
  transaction.add_chain(table, {.name = admin_chain, .type = {}});
  if (!jumps(forward, kContainers)) {
    transaction.insert_rule(table, jump_rule(kForward, kContainers, kEntryComment));
  }
  if (!jumps(containers, admin_chain)) {
    transaction.insert_rule(table, jump_rule(kContainers, admin_chain, kAdminComment));
  }
  for (const nft::Rule& rule : containers) {
    if (is_own(rule, attachment)) {
      transaction.remove_rule(table, kContainers, rule.handle);
    }
  }
}

void put_accept_rules(nft::NftSocket& socket, const Subject& subject,
                      const std::string& admin_chain, const attach::Attachment& attachment) {
  const std::string comment = attach::owner_comment(attachment);
  for (int attempt = 1;; ++attempt) {
    nft::Transaction transaction;
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      const std::vector<Cidr> addresses = of_family(subject, family);
      if (addresses.empty()) {
        continue;
      }
      const nft::Table table = iptables::filter_table(family);
      ensure_chains(socket, transaction, table, admin_chain, attachment);
      for (const Cidr& address : addresses) {
        accept(transaction, table, address.address(), comment);
      }
    }
    if (transaction.empty()) {
      return;
    }
    if (attempt == kAttempts) {
      socket.execute(std::move(transaction));
      return;
    }
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      return;
    }
    // EEXIST: the chain is there meanwhile. ENOENT: a rule to be replaced has gone.
    if (ack.error != EEXIST && ack.error != ENOENT) {
      throw netlink::Error(ack, "accept traffic of the container in table filter of iptables");
    }
  }
}

void remove_rules(nft::NftSocket& socket, const std::function<bool(const nft::Rule&)>& wanted) {
  std::vector<attach::CommentedRules> rules;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    rules.push_back({iptables::filter_table(family), kContainers, wanted});
  }
  attach::remove_leftovers_if_present(socket, {}, rules);
}

}  // namespace

bool iptables_drops(nft::NftSocket& socket, const Subject& subject) {
  return std::ranges::any_of(std::array{Family::kIpv4, Family::kIpv6}, [&](Family family) {
    return !of_family(subject, family).empty() &&
           socket.find_policy(iptables::filter_table(family), kForward) == nft::Policy::kDrop;
  });
}

void add_accept_rules(nft::NftSocket& socket, const Subject& subject,
                      const std::string& admin_chain, const attach::Attachment& attachment) {
  try {
    put_accept_rules(socket, subject, admin_chain, attachment);
  } catch (const netlink::AnswerLost&) {
    Transaction undo;
    undo.undo_with("remove rules of iptables", [&attachment] {
      nft::NftSocket again;
      remove_accept_rules_if_present(again, {}, attachment);
    });
    throw;
  }
}

void remove_accept_rules_if_present(nft::NftSocket& socket, const Subject& subject,
                                    const attach::Attachment& attachment) {
  remove_rules(socket, [&](const nft::Rule& rule) {
    if (is_own(rule, attachment)) {
      return true;
    }
    return rule.comment.empty() && rule.jump.empty() &&
           std::ranges::any_of(subject.addresses, [&](const Cidr& address) {
             const auto bytes = address.address().bytes();
             return rule.values.size() == 1 && std::ranges::equal(rule.values.front(), bytes);
           });
  });
}

void collect_accept_rules(nft::NftSocket& socket, const std::string& network,
                          const std::set<std::string, std::less<>>& valid) {
  const std::string prefix = attach::network_key(network);
  remove_rules(socket, [&](const nft::Rule& rule) {
    const std::string_view key = attach::key_in_comment(rule.comment);
    return key.starts_with(prefix) && !valid.contains(key);
  });
}

attach::Problems accept_problems(nft::NftSocket& socket, const Subject& subject,
                                 const std::string& admin_chain,
                                 const attach::Attachment& attachment) {
  attach::Problems problems;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const std::vector<Cidr> addresses = of_family(subject, family);
    if (addresses.empty()) {
      continue;
    }
    const nft::Table table = iptables::filter_table(family);
    const std::string_view tool = family == Family::kIpv4 ? "iptables" : "ip6tables";
    const std::vector<nft::Rule> containers = socket.list_rules(table, kContainers);
    if (!jumps(socket.list_rules(table, kForward), kContainers)) {
      problems.push_back(concat(tool, ": no rule of FORWARD jumps to ", kContainers));
    }
    if (!jumps(containers, admin_chain)) {
      problems.push_back(concat(tool, ": no rule of ", kContainers, " jumps to ", admin_chain));
    }
    for (const Cidr& address : addresses) {
      const auto bytes = address.address().bytes();
      const auto found = std::ranges::count_if(containers, [&](const nft::Rule& rule) {
        return is_own(rule, attachment) && !rule.values.empty() &&
               std::ranges::equal(rule.values.front(), bytes);
      });
      if (found != static_cast<std::ptrdiff_t>(kRulesPerAddress)) {
        problems.push_back(concat(tool, ": chain ", kContainers, " has ",
                                  static_cast<std::int64_t>(found), " of ", kRulesPerAddress,
                                  " rules for ", address.address().text()));
      }
    }
  }
  return problems;
}

}  // namespace linnet::firewall
