#include "plugins/meta/portmap/waiting.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/meta/portmap/layout.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

constexpr std::string_view kPrefix = "waiting";
constexpr std::size_t kRanks = 9;  // networks besides the first that may wait for one port

bool has_key(const Elements& elements, const std::string& set, const nft::Element& element) {
  const auto list = elements.find(set);
  return list != elements.end() &&
         std::ranges::find(list->second, element.key, &nft::Element::key) != list->second.end();
}

// Puts of `list` what has room in the map of that rank into `plan`, and keeps the rest.
void place(nft::NftSocket& nft, std::size_t rank, SetElements& list, Plan& plan,
           const attach::Attachment& attachment) {
  SetElements placed{waiting_map(rank, list.set), {}};
  std::vector<nft::ElementKey> keys;
  for (const nft::Element& element : list.elements) {
    keys.push_back({placed.set, element.key});
  }
  const std::vector<std::optional<nft::Element>> found = nft.find_elements(kTable, keys);
  std::vector<nft::Element> rest;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool free =
        !found[i] || attach::key_in_comment(found[i]->comment) == attach::owner_key(attachment);
    (free ? placed.elements : rest).push_back(std::move(list.elements[i]));
  }
  list.elements = std::move(rest);
  if (!placed.elements.empty()) {
    plan.ports.push_back(std::move(placed));
  }
}

}  // namespace

bool is_waiting_map(std::string_view set) { return set.starts_with(kPrefix); }

std::string waiting_map(std::size_t rank, std::string_view set) {
  return concat(kPrefix, rank, '_', set);
}

void add_waiting_map(nft::Transaction& transaction, const std::string& name) {
  const std::string_view set = std::string_view(name).substr(name.find('_') + 1);
  add_port_map(transaction, name, set);
}

Plan move_to_waiting(nft::NftSocket& nft, Plan plan, const Elements& taken,
                     const attach::Attachment& attachment) {
  std::vector<SetElements> waiting;
  for (SetElements& list : plan.ports) {
    const auto behind = std::stable_partition(
        list.elements.begin(), list.elements.end(),
        [&](const nft::Element& element) { return !has_key(taken, list.set, element); });
    if (behind != list.elements.end()) {
      waiting.push_back({list.set, {behind, list.elements.end()}});
      list.elements.erase(behind, list.elements.end());
    }
  }
  std::erase_if(plan.ports, [](const SetElements& list) { return list.elements.empty(); });
  for (SetElements& list : waiting) {
    for (std::size_t rank = 1; rank <= kRanks && !list.elements.empty(); ++rank) {
      place(nft, rank, list, plan, attachment);
    }
    if (!list.elements.empty()) {
      throw cni::Error(
          cni::Code::kInvalidNetworkConfig,
          concat("\"runtimeConfig.portMappings\": ",
                 redirect_of(list.set, list.elements.front())->text(), " is wanted by ", kRanks + 1,
                 " other networks of this container: disconnect it from one of them"));
    }
  }
  return plan;
}

void let_waiting_follow(nft::NftSocket& nft, const Elements& gone, nft::Transaction& transaction) {
  std::vector<std::string> maps;
  for (std::string& set : nft.list_sets(kTable)) {
    if (is_waiting_map(set)) {
      maps.push_back(std::move(set));
    }
  }
  // By their rank.
  std::ranges::sort(maps);
  Elements followed;
  for (const std::string& map : maps) {
    const std::string set = map.substr(map.find('_') + 1);
    const auto list = gone.find(set);
    if (list == gone.end()) {
      continue;
    }
    for (nft::Element& element : nft.list_elements(kTable, map)) {
      if (has_key(gone, set, element) && !has_key(gone, map, element) &&
          !has_key(followed, set, element)) {
        transaction.remove_element(kTable, map, element);
        transaction.add_element(kTable, set, element);
        followed[set].push_back(std::move(element));
      }
    }
  }
}

}  // namespace linnet::portmap
