#include "plugins/meta/portmap/rules.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/meta/portmap/layout.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

// A transaction may lose races against other plugins that make the same sets; more than a few rounds mean
// that something else is wrong.
constexpr int kAttempts = 8;

// The name of a set to elements of it.
using Elements = std::map<std::string, std::vector<nft::Element>>;

bool owned(const nft::Element& element, const attach::Attachment& attachment) {
  return attach::key_in_comment(element.comment) == attach::owner_key(attachment);
}

// Of everything that is planned, what is there, whoever has it.
Elements find_planned(nft::NftSocket& socket, const Plan& plan) {
  std::vector<nft::ElementKey> keys = {{kAttachmentsMap, plan.record.key}};
  for (const auto* lists : {&plan.ports, &plan.sources}) {
    for (const SetElements& list : *lists) {
      for (const nft::Element& element : list.elements) {
        keys.push_back({list.set, element.key});
      }
    }
  }
  std::vector<std::optional<nft::Element>> found = socket.find_elements(kTable, keys);
  Elements present;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i]) {
      present[keys[i].set].push_back(*std::move(found[i]));
    }
  }
  return present;
}

Elements search(nft::NftSocket& socket, const std::function<bool(const nft::Element&)>& wanted) {
  Elements found;
  for (const std::string& set : socket.list_sets(kTable)) {
    for (nft::Element& element : socket.list_elements(kTable, set)) {
      if (wanted(element)) {
        found[set].push_back(std::move(element));
      }
    }
  }
  return found;
}

// Everything that the attachment owns.
Elements find_owned(nft::NftSocket& socket, const Plan& plan,
                    const attach::Attachment& attachment) {
  Elements found = find_planned(socket, plan);
  std::size_t count = 0;
  for (auto& [set, elements] : found) {
    std::erase_if(elements,
                  [&](const nft::Element& element) { return !owned(element, attachment); });
    count += elements.size();
  }
  const auto record = found.find(kAttachmentsMap);
  const bool recorded = record != found.end() && !record->second.empty();
  // The record comes and goes in one transaction with what it counts.
  const bool complete = recorded ? count == 1 + count_in(record->second.front()) : count == 0;
  if (complete) {
    return found;
  }
  return search(socket, [&](const nft::Element& element) { return owned(element, attachment); });
}

void remove(nft::Transaction& transaction, const Elements& elements) {
  for (const auto& [set, list] : elements) {
    transaction.remove_elements(kTable, set, list);
  }
}

std::vector<Redirect> redirects_in(const Elements& elements) {
  std::vector<Redirect> redirects;
  for (const auto& [set, list] : elements) {
    for (const nft::Element& element : list) {
      if (const std::optional<Redirect> redirect = redirect_of(set, element)) {
        redirects.push_back(*redirect);
      }
    }
  }
  return redirects;
}

void commit_removal(nft::NftSocket& socket, const Elements& elements) {
  nft::Transaction transaction;
  remove(transaction, elements);
  if (transaction.empty()) {
    return;
  }
  const netlink::Ack ack = socket.commit(std::move(transaction));
  if (ack.ok()) {
    return;
  }
  if (ack.error != ENOENT) {
    throw netlink::Error(ack, "remove elements from nftables table linnet_portmap");
  }
  // Somebody else removed one of them meanwhile, which keeps the rest: one by one.
  for (const auto& [set, list] : elements) {
    for (const nft::Element& element : list) {
      nft::Transaction single;
      single.remove_element(kTable, set, element);
      const netlink::Ack again = socket.commit(std::move(single));
      if (!again.ok() && again.error != ENOENT) {
        throw netlink::Error(again, "remove an element from nftables table linnet_portmap");
      }
    }
  }
}

// "container c1 (net: net1, if: eth0)" from the words behind the key of a comment.
std::string owner_in(const nft::Element& element) {
  const std::size_t comma = element.comment.find(", ");
  return comma == std::string::npos
             ? concat("another owner (", linnet::quoted(element.comment), ')')
             : concat("the attachment ", element.comment.substr(comma + 2));
}

void refuse_ports_of_others(const Elements& present, const attach::Attachment& attachment) {
  for (const auto& [set, list] : present) {
    for (const nft::Element& element : list) {
      const std::optional<Redirect> redirect = redirect_of(set, element);
      if (redirect && !owned(element, attachment)) {
        throw cni::Error(
            cni::Code::kInvalidNetworkConfig,
            concat("\"runtimeConfig.portMappings\": ", redirect->text(), " is redirected to ",
                   redirect->container.text(), " for ", owner_in(element),
                   ": choose another hostPort or hostIP, or detach that container"));
      }
    }
  }
}

void add_missing_sets(nft::Transaction& transaction, const Plan& plan,
                      const std::vector<std::string>& present) {
  const auto missing = [&](const std::string& set) {
    return std::ranges::find(present, set) == present.end();
  };
  if (missing(kAttachmentsMap)) {
    add_base(transaction);
  }
  for (const Scope& scope : plan.scopes) {
    if (missing(scope.ports_map())) {
      add_scope(transaction, scope);
    }
  }
  for (const Hairpin& hairpin : plan.hairpins) {
    if (missing(hairpin.set())) {
      add_hairpin(transaction, hairpin);
    }
  }
}

// What is in the way of the plan: all of the attachment's own, and what dead owners of its addresses left.
Elements find_obstacles(nft::NftSocket& socket, const Plan& plan,
                        const attach::Attachment& attachment) {
  const Elements present = find_planned(socket, plan);
  refuse_ports_of_others(present, attachment);
  Elements obstacles = find_owned(socket, plan, attachment);
  for (const auto& [set, list] : present) {
    for (const nft::Element& element : list) {
      if (!owned(element, attachment)) {
        obstacles[set].push_back(element);
      }
    }
  }
  return obstacles;
}

void put_rules(nft::NftSocket& socket, const Plan& plan, const attach::Attachment& attachment) {
  bool with_sets = false;
  Elements obstacles;
  for (int attempt = 1;; ++attempt) {
    nft::Transaction transaction;
    if (with_sets) {
      add_missing_sets(transaction, plan, socket.list_sets(kTable));
    }
    remove(transaction, obstacles);
    for (const auto* lists : {&plan.ports, &plan.sources}) {
      for (const SetElements& list : *lists) {
        transaction.add_elements(kTable, list.set, list.elements);
      }
    }
    transaction.add_element(kTable, kAttachmentsMap, plan.record);
    if (attempt == kAttempts) {
      socket.execute(std::move(transaction));
      return;
    }
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      return;
    }
    if (ack.error != ENOENT && ack.error != EEXIST) {
      throw netlink::Error(ack, "publish ports in nftables table linnet_portmap");
    }
    // ENOENT: a set is missing, or an obstacle has gone. EEXIST: there is an obstacle, or somebody made
    // the set first.
    with_sets = ack.error == ENOENT;
    obstacles = find_obstacles(socket, plan, attachment);
  }
}

}  // namespace

void add_rules(nft::NftSocket& socket, const Plan& plan, const attach::Attachment& attachment) {
  try {
    put_rules(socket, plan, attachment);
  } catch (const netlink::Error&) {
    throw;
  } catch (const SystemError&) {
    // The kernel's answer is lost, and with it whether it did what it was asked.
    Transaction undo;
    undo.undo_with("remove published ports", [&plan, &attachment] {
      nft::NftSocket again;
      commit_removal(again, find_owned(again, plan, attachment));
    });
    throw;
  }
}

std::vector<Redirect> remove_rules_if_present(nft::NftSocket& socket, const Plan& plan,
                                              const attach::Attachment& attachment) {
  const Elements found = find_owned(socket, plan, attachment);
  commit_removal(socket, found);
  return redirects_in(found);
}

std::vector<Redirect> collect_rules(nft::NftSocket& socket, const std::string& network,
                                    const std::set<std::string, std::less<>>& valid) {
  const std::string prefix = attach::network_key(network);
  const Elements found = search(socket, [&](const nft::Element& element) {
    const std::string_view key = attach::key_in_comment(element.comment);
    return key.starts_with(prefix) && !valid.contains(key);
  });
  commit_removal(socket, found);
  return redirects_in(found);
}

attach::Problems rule_problems(nft::NftSocket& socket, const Plan& plan,
                               const attach::Attachment& attachment) {
  attach::Problems problems;
  const Elements present = find_planned(socket, plan);
  const auto has = [&](const std::string& set, const nft::Element& wanted) {
    const auto list = present.find(set);
    return list != present.end() &&
           std::ranges::any_of(list->second, [&](const nft::Element& element) {
             return element.key == wanted.key && element.data == wanted.data &&
                    owned(element, attachment);
           });
  };
  for (const SetElements& list : plan.ports) {
    for (const nft::Element& element : list.elements) {
      if (!has(list.set, element)) {
        problems.push_back(concat(redirect_of(list.set, element)->text(), " is not redirected"));
      }
    }
  }
  for (const SetElements& list : plan.sources) {
    if (!std::ranges::all_of(list.elements, [&](const auto& one) { return has(list.set, one); })) {
      problems.push_back(concat("nftables set ", kTable.name, " ", list.set,
                                " lacks an address of the container"));
    }
  }
  if (!has(kAttachmentsMap, plan.record)) {
    problems.push_back(
        concat("nftables map ", kTable.name, " ", kAttachmentsMap, " lacks the attachment"));
  }
  std::map<std::string, std::vector<nft::Rule>> rules;
  for (const FixedRule& wanted : rules_for(plan)) {
    if (!rules.contains(wanted.chain)) {
      rules[wanted.chain] = socket.list_rules(kTable, wanted.chain);
    }
    const std::vector<nft::Rule>& chain = rules[wanted.chain];
    if (std::ranges::find(chain, wanted.comment, &nft::Rule::comment) == chain.end()) {
      problems.push_back(concat("nftables chain ", kTable.name, " ", wanted.chain,
                                " lacks the rule \"", wanted.comment, '"'));
    }
  }
  return problems;
}

}  // namespace linnet::portmap
