#include "plugins/meta/portmap/rules.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/meta/portmap/layout.h"
#include "plugins/meta/portmap/waiting.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

// A transaction may lose races against other plugins that make the same sets; more than a few rounds mean
// that something else is wrong.
constexpr int kAttempts = 8;
// Of a removal, where each round is lost to one that was faster.
constexpr int kRemovals = 100;
// For elements that a record counts: after so many, somebody has removed one by hand.
constexpr int kSearches = 5;

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

// Whether all that the attachment's record counts is there. The record comes and goes in one transaction with what
// it counts.
bool is_complete(const Elements& found) {
  std::size_t count = 0;
  for (const auto& [set, elements] : found) {
    count += elements.size();
  }
  const auto record = found.find(kAttachmentsMap);
  const bool recorded = record != found.end() && !record->second.empty();
  return recorded ? count == 1 + count_in(record->second.front()) : count == 0;
}

// Everything that the attachment owns.
Elements find_owned(nft::NftSocket& socket, const Plan& plan,
                    const attach::Attachment& attachment) {
  Elements found = find_planned(socket, plan);
  for (auto& [set, elements] : found) {
    std::erase_if(elements,
                  [&](const nft::Element& element) { return !owned(element, attachment); });
  }
  // Sets are searched one after the other: what moves up from a waiting map meanwhile may be seen in neither.
  for (int attempt = 1; !is_complete(found) && attempt <= kSearches; ++attempt) {
    found = search(socket, [&](const nft::Element& element) { return owned(element, attachment); });
  }
  return found;
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

// Removes what `find` finds and lets what waits for it follow; what was removed. Who is in the way of the
// transaction (ENOENT: an element has gone, EEXIST: a place is taken) has also moved what waits, perhaps into a
// place that is to be removed: another round asks again.
Elements remove_found(nft::NftSocket& socket, const std::function<Elements()>& find) {
  for (int attempt = 1;; ++attempt) {
    Elements found = find();
    nft::Transaction transaction;
    remove(transaction, found);
    if (transaction.empty()) {
      return found;
    }
    let_waiting_follow(socket, found, transaction);
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      return found;
    }
    if (attempt == kRemovals || (ack.error != ENOENT && ack.error != EEXIST)) {
      throw netlink::Error(ack, "remove elements from nftables table linnet_portmap");
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
      if (redirect && !attach::is_of_container(element.comment, attachment.container_id)) {
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
  for (const SetElements& list : plan.ports) {
    if (is_waiting_map(list.set) && missing(list.set)) {
      add_waiting_map(transaction, list.set);
    }
  }
}

// What is in the way of a plan: all of the attachment's own, and what dead owners of its addresses left.
struct Obstacles {
  Elements elements;
  Elements taken;  // ports that another attachment of the container has
};

Obstacles find_obstacles(nft::NftSocket& socket, const Plan& plan,
                         const attach::Attachment& attachment) {
  const Elements present = find_planned(socket, plan);
  refuse_ports_of_others(present, attachment);
  Obstacles obstacles{find_owned(socket, plan, attachment), {}};
  for (const auto& [set, list] : present) {
    for (const nft::Element& element : list) {
      if (!owned(element, attachment)) {
        (redirect_of(set, element) ? obstacles.taken : obstacles.elements)[set].push_back(element);
      }
    }
  }
  return obstacles;
}

void put_rules(nft::NftSocket& socket, const Plan& plan, const attach::Attachment& attachment) {
  bool with_sets = false;
  Elements obstacles;
  std::optional<Plan> behind;  // others of the container
  for (int attempt = 1;; ++attempt) {
    const Plan& placed = behind ? *behind : plan;
    nft::Transaction transaction;
    if (with_sets) {
      add_missing_sets(transaction, placed, socket.list_sets(kTable));
    }
    remove(transaction, obstacles);
    for (const auto* lists : {&placed.ports, &placed.sources}) {
      for (const SetElements& list : *lists) {
        transaction.add_elements(kTable, list.set, list.elements);
      }
    }
    transaction.add_element(kTable, kAttachmentsMap, placed.record);
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
    Obstacles found = find_obstacles(socket, plan, attachment);
    behind.reset();
    if (!found.taken.empty()) {
      behind = move_to_waiting(socket, plan, found.taken, attachment);
    }
    obstacles = std::move(found.elements);
  }
}

// Those of the attachment in maps for the ones that wait, under the names of the maps they wait for.
Elements find_waiting(nft::NftSocket& socket, const attach::Attachment& attachment) {
  Elements waiting;
  for (auto& [set, list] :
       search(socket, [&](const nft::Element& element) { return owned(element, attachment); })) {
    if (is_waiting_map(set)) {
      std::vector<nft::Element>& all = waiting[set.substr(set.find('_') + 1)];
      all.insert(all.end(), list.begin(), list.end());
    }
  }
  return waiting;
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
      remove_found(again, [&] { return find_owned(again, plan, attachment); });
    });
    throw;
  }
}

std::vector<Redirect> remove_rules_if_present(nft::NftSocket& socket, const Plan& plan,
                                              const attach::Attachment& attachment) {
  return redirects_in(remove_found(socket, [&] { return find_owned(socket, plan, attachment); }));
}

std::vector<Redirect> collect_rules(nft::NftSocket& socket, const std::string& network,
                                    const std::set<std::string, std::less<>>& valid) {
  const std::string prefix = attach::network_key(network);
  const auto wanted = [&](const nft::Element& element) {
    const std::string_view key = attach::key_in_comment(element.comment);
    return key.starts_with(prefix) && !valid.contains(key);
  };
  return redirects_in(remove_found(socket, [&] { return search(socket, wanted); }));
}

attach::Problems rule_problems(nft::NftSocket& socket, const Plan& plan,
                               const attach::Attachment& attachment) {
  attach::Problems problems;
  Elements present = find_planned(socket, plan);
  const auto has = [&](const std::string& set, const nft::Element& wanted) {
    const auto list = present.find(set);
    return list != present.end() &&
           std::ranges::any_of(list->second, [&](const nft::Element& element) {
             return element.key == wanted.key && element.data == wanted.data &&
                    owned(element, attachment);
           });
  };
  bool looked_for_waiting = false;
  for (const SetElements& list : plan.ports) {
    for (const nft::Element& element : list.elements) {
      if (!has(list.set, element) && !std::exchange(looked_for_waiting, true)) {
        for (auto& [set, waiting] : find_waiting(socket, attachment)) {
          present[set].insert(present[set].end(), waiting.begin(), waiting.end());
        }
      }
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
