#include "plugins/meta/portmap/rules.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/owned_elements.h"
#include "plugins/meta/portmap/layout.h"
#include "plugins/meta/portmap/waiting.h"

namespace linnet::portmap {

namespace nft = netlink::nft;
namespace owned = attach::owned;

namespace {

// Searches for the elements that a record counts. After so many, somebody has removed one by hand.
constexpr int kSearches = 5;

using owned::OnTaken;
using Key = std::vector<unsigned char>;
// Elements by their place: set and key.
using Index = std::map<std::pair<std::string_view, Key>, const nft::Element*>;

bool is_owned(const nft::Element& element, const attach::Attachment& attachment) {
  return owned::is_owned(element, attach::owner_key(attachment));
}

// All that is planned. Ports that another network of the container has wait for it; of an address the newest owner has
// the elements.
Elements elements_of(const Plan& plan) {
  Elements elements;
  elements.reserve(plan.size() + 1);
  const auto append = [&](const std::vector<SetElements>& lists, OnTaken on_taken) {
    for (const SetElements& list : lists) {
      for (const nft::Element& element : list.elements) {
        elements.push_back({kTable, list.set, element, on_taken});
      }
    }
  };
  append(plan.ports, OnTaken::kWait);
  append(plan.sources, OnTaken::kReplace);
  elements.push_back({kTable, kAttachmentsMap, plan.record, OnTaken::kReplace});
  return elements;
}

Elements search(nft::NftSocket& socket, const std::function<bool(const nft::Element&)>& wanted) {
  return owned::search(socket, {&kTable, 1}, wanted);
}

// Whether all that the attachment's record counts is there. The record comes and goes in one transaction with what
// it counts.
bool is_complete(const Elements& found) {
  const auto record = std::ranges::find(found, kAttachmentsMap, &owned::Element::set);
  return record == found.end() ? found.empty() : found.size() == 1 + count_in(record->element);
}

// Everything that the attachment owns.
Elements find_owned(nft::NftSocket& socket, const Plan& plan,
                    const attach::Attachment& attachment) {
  Elements found = owned::find_present(socket, elements_of(plan));
  const std::string key = attach::owner_key(attachment);
  std::erase_if(found,
                [&](const owned::Element& item) { return !owned::is_owned(item.element, key); });
  // Sets are searched one after the other: what moves up from a waiting map meanwhile may be seen in neither.
  for (int attempt = 1; !is_complete(found) && attempt <= kSearches; ++attempt) {
    found =
        search(socket, [&](const nft::Element& element) { return owned::is_owned(element, key); });
  }
  return found;
}

std::vector<Redirect> redirects_in(const Elements& elements) {
  std::vector<Redirect> redirects;
  for (const owned::Element& item : elements) {
    if (const std::optional<Redirect> redirect = redirect_of(item.set, item.element)) {
      redirects.push_back(*redirect);
    }
  }
  return redirects;
}

// What waits for their places follows. Another plugin that is in the way has also moved what waits, perhaps into a
// place that is to be removed: another round finds it.
Elements remove_found(nft::NftSocket& socket, const std::function<Elements()>& find) {
  return owned::remove_all(socket, find, [&](nft::Transaction& transaction, const Elements& gone) {
    let_waiting_follow(socket, transaction, gone);
  });
}

// "the attachment net: net1, if: eth0, id: c1" from the words after the key of a comment.
std::string owner_in(const nft::Element& element) {
  const std::size_t comma = element.comment.find(", ");
  return comma == std::string::npos
             ? concat("another owner (", linnet::quoted(element.comment), ')')
             : concat("the attachment ", element.comment.substr(comma + 2));
}

void refuse_ports_of_others(const Elements& present, const attach::Attachment& attachment) {
  for (const auto& [table, set, element, on_taken] : present) {
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

void add_missing_sets(nft::NftSocket& socket, nft::Transaction& transaction, const Plan& plan,
                      const Elements& placed) {
  const std::vector<std::string> present = socket.list_sets(kTable);
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
  std::set<std::string> waiting;
  for (const owned::Element& item : placed) {
    if (is_waiting_map(item.set) && missing(item.set) && waiting.insert(item.set).second) {
      add_waiting_map(transaction, item.set);
    }
  }
}

void put_rules(nft::NftSocket& socket, const Plan& plan, const attach::Attachment& attachment) {
  owned::put(socket, elements_of(plan),
             {.make_sets =
                  [&](nft::Transaction& transaction, const Elements& placed) {
                    add_missing_sets(socket, transaction, plan, placed);
                  },
              .find_stale = [&] { return find_owned(socket, plan, attachment); },
              .before_replacing =
                  [&](const Elements& present) { refuse_ports_of_others(present, attachment); },
              .place_waiting = [&](const Elements& ports) { return place_waiting(socket, ports); },
              .what = "publish ports in nftables table linnet_portmap"});
}

// Those of the attachment that wait, under the names of the maps they wait for.
Elements find_waiting(nft::NftSocket& socket, const attach::Attachment& attachment) {
  Elements waiting =
      search(socket, [&](const nft::Element& element) { return is_owned(element, attachment); });
  std::erase_if(waiting, [](const owned::Element& item) { return !is_waiting_map(item.set); });
  for (owned::Element& item : waiting) {
    item.set = item.set.substr(item.set.find('_') + 1);
  }
  return waiting;
}

// What is planned and there, with the data that it has to have.
class Presence {
 public:
  Presence(nft::NftSocket& socket, const Plan& plan, const attach::Attachment& attachment)
      : owner_(attach::owner_key(attachment)),
        present_(owned::find_present(socket, elements_of(plan))) {
    index(present_);
    const auto lacks = [&](const SetElements& list) {
      return std::ranges::any_of(list.elements,
                                 [&](const nft::Element& one) { return !has(list.set, one); });
    };
    if (std::ranges::any_of(plan.ports, lacks)) {
      waiting_ = find_waiting(socket, attachment);
      index(waiting_);
    }
  }

  [[nodiscard]] bool has(std::string_view set, const nft::Element& wanted) const {
    const auto found = index_.find({set, wanted.key});
    return found != index_.end() && found->second->data == wanted.data;
  }

 private:
  void index(const Elements& elements) {
    for (const owned::Element& item : elements) {
      if (owned::is_owned(item.element, owner_)) {
        index_.try_emplace({item.set, item.element.key}, &item.element);
      }
    }
  }

  std::string owner_;
  Elements present_;
  Elements waiting_;
  Index index_;
};

attach::Problems fixed_rule_problems(nft::NftSocket& socket, const Plan& plan) {
  attach::Problems problems;
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

}  // namespace

void add_rules(nft::NftSocket& socket, const Plan& plan, const attach::Attachment& attachment) {
  try {
    put_rules(socket, plan, attachment);
  } catch (const netlink::AnswerLost&) {
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
  const Presence presence(socket, plan, attachment);
  for (const SetElements& list : plan.ports) {
    for (const nft::Element& element : list.elements) {
      if (!presence.has(list.set, element)) {
        problems.push_back(concat(redirect_of(list.set, element)->text(), " is not redirected"));
      }
    }
  }
  for (const SetElements& list : plan.sources) {
    if (!std::ranges::all_of(list.elements,
                             [&](const auto& one) { return presence.has(list.set, one); })) {
      problems.push_back(concat("nftables set ", kTable.name, " ", list.set,
                                " lacks an address of the container"));
    }
  }
  if (!presence.has(kAttachmentsMap, plan.record)) {
    problems.push_back(
        concat("nftables map ", kTable.name, " ", kAttachmentsMap, " lacks the attachment"));
  }
  attach::append(problems, fixed_rule_problems(socket, plan));
  return problems;
}

}  // namespace linnet::portmap
