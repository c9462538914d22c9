#include "plugins/meta/portmap/waiting.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/meta/portmap/layout.h"
#include "plugins/meta/portmap/plan.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

constexpr std::string_view kPrefix = "waiting";
constexpr std::size_t kRanks = 9;  // networks besides the first that may wait for one port

// The places of elements: set and key.
using Places = std::set<std::pair<std::string, std::vector<unsigned char>>>;

// Moves those of `ports` that have room in the maps of that rank from there to `placed`.
void place(nft::NftSocket& nft, std::size_t rank, Elements& ports, Elements& placed) {
  std::vector<nft::ElementKey> keys;
  for (const attach::owned::Element& port : ports) {
    keys.push_back({waiting_map(rank, port.set), port.element.key});
  }
  const std::vector<std::optional<nft::Element>> found = nft.find_elements(kTable, keys);
  Elements rest;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string_view owner = attach::key_in_comment(ports[i].element.comment);
    if (!found[i] || attach::owned::is_owned(*found[i], owner)) {
      ports[i].set = keys[i].set;
      placed.push_back(std::move(ports[i]));
    } else {
      rest.push_back(std::move(ports[i]));
    }
  }
  ports = std::move(rest);
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

Elements place_waiting(nft::NftSocket& nft, const Elements& ports) {
  Elements left = ports;
  Elements placed;
  for (std::size_t rank = 1; rank <= kRanks && !left.empty(); ++rank) {
    place(nft, rank, left, placed);
  }
  if (!left.empty()) {
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        concat("\"runtimeConfig.portMappings\": ",
               redirect_of(left.front().set, left.front().element)->text(), " is wanted by ",
               kRanks + 1, " other networks of this container: disconnect it from one of them"));
  }
  return placed;
}

void let_waiting_follow(nft::NftSocket& nft, nft::Transaction& transaction, const Elements& gone) {
  std::vector<std::string> maps;
  for (std::string& set : nft.list_sets(kTable)) {
    if (is_waiting_map(set)) {
      maps.push_back(std::move(set));
    }
  }
  if (maps.empty()) {
    return;
  }
  // By their rank.
  std::ranges::sort(maps);
  Places free;
  for (const attach::owned::Element& item : gone) {
    free.emplace(item.set, item.element.key);
  }
  for (const std::string& map : maps) {
    const std::string set = map.substr(map.find('_') + 1);
    for (const nft::Element& element : nft.list_elements(kTable, map)) {
      // The first that waits takes the place.
      if (!free.contains({map, element.key}) && free.erase({set, element.key}) != 0) {
        transaction.remove_element(kTable, map, element);
        transaction.add_element(kTable, set, element);
      }
    }
  }
}

}  // namespace linnet::portmap
