#include "plugins/attach/owned_elements.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <tuple>

#include "base/text.h"

namespace linnet::attach::owned {

namespace nft = netlink::nft;

namespace {

// A transaction may lose races against other plugins that make the same sets or take the same places. More than a few
// rounds mean that something else is wrong.
constexpr int kAttempts = 8;
// Rounds of a removal, each of which is lost only to another one that was faster.
constexpr int kRemovals = 100;
// Elements per transaction of a removal. One that is lost to a faster one costs its size again.
constexpr std::size_t kChunk = 200;

bool same_table(const nft::Table& a, const nft::Table& b) {
  return a.family == b.family && a.name == b.name;
}

bool same_owner(const Element& a, const Element& b) {
  return key_in_comment(a.element.comment) == key_in_comment(b.element.comment);
}

// Calls `each` with the elements of one set that stand next to each other.
template <typename Each>
void for_each_set(std::span<const Element> elements, Each&& each) {
  while (!elements.empty()) {
    const Element& first = elements.front();
    std::vector<const nft::Element*> run;
    for (const Element& item : elements) {
      if (item.set != first.set || !same_table(item.table, first.table) ||
          (item.on_taken == OnTaken::kShare) != (first.on_taken == OnTaken::kShare)) {
        break;
      }
      run.push_back(&item.element);
    }
    each(first, run);
    elements = elements.subspan(run.size());
  }
}

void append_removal(nft::Transaction& transaction, std::span<const Element> elements) {
  for_each_set(elements, [&](const Element& first, const auto& run) {
    transaction.remove_elements(first.table, first.set, run);
  });
}

void append_addition(nft::Transaction& transaction, std::span<const Element> elements) {
  for_each_set(elements, [&](const Element& first, const auto& run) {
    first.on_taken == OnTaken::kShare ? transaction.ensure_elements(first.table, first.set, run)
                                      : transaction.add_elements(first.table, first.set, run);
  });
}

bool lacks_a_set(nft::NftSocket& socket, const Elements& elements) {
  const nft::Table* listed = nullptr;
  std::vector<std::string> sets;
  return std::ranges::any_of(elements, [&](const Element& item) {
    if (listed == nullptr || !same_table(*listed, item.table)) {
      sets = socket.list_sets(item.table);
      listed = &item.table;
    }
    return std::ranges::find(sets, item.set) == sets.end();
  });
}

// An order by place, in which elements of one set stand together.
bool is_before(const Element* a, const Element* b) {
  return std::tie(a->table.family, a->table.name, a->set, a->element.key) <
         std::tie(b->table.family, b->table.name, b->set, b->element.key);
}

// Finds elements by their place.
class Places {
 public:
  explicit Places(const Elements& elements) {
    for (const Element& item : elements) {
      sorted_.push_back(&item);
    }
    std::ranges::sort(sorted_, is_before);
  }
  // Null when there is none.
  [[nodiscard]] const Element* find(const Element& wanted) const {
    const auto found = std::ranges::lower_bound(sorted_, &wanted, is_before);
    return found != sorted_.end() && same_place(**found, wanted) ? *found : nullptr;
  }

 private:
  std::vector<const Element*> sorted_;
};

// What is in the way of elements, and where those are put that have to wait.
struct Way {
  Elements placed;
  Elements obstacles;
};

// Moves those of OnTaken::kWait whose place is taken to where they wait.
void let_wait(Elements& placed, const Places& taken, const Put& options) {
  Elements waiting;
  std::erase_if(placed, [&](const Element& item) {
    const bool waits = item.on_taken == OnTaken::kWait && taken.find(item) != nullptr;
    if (waits) {
      waiting.push_back(item);
    }
    return waits;
  });
  if (!waiting.empty()) {
    std::ranges::move(options.place_waiting(waiting), std::back_inserter(placed));
  }
}

Way clear_way(nft::NftSocket& socket, const Elements& elements, const Put& options) {
  Way way{elements, options.find_stale ? options.find_stale() : Elements{}};
  Elements wanted;
  std::ranges::copy_if(elements, std::back_inserter(wanted),
                       [](const Element& item) { return item.on_taken != OnTaken::kShare; });
  const Elements present = find_present(socket, wanted);
  if (!present.empty() && options.before_replacing) {
    options.before_replacing(present);
  }
  Elements others;
  Elements replaced;
  const Places mine(wanted);
  const Places stale(way.obstacles);
  for (const Element& item : present) {
    const bool is_other = !same_owner(item, *mine.find(item));
    if (is_other && item.on_taken == OnTaken::kRefuse) {
      throw netlink::Error({EEXIST, "the element is another owner's"}, options.what);
    }
    if (is_other) {
      others.push_back(item);
    }
    if ((!is_other || item.on_taken == OnTaken::kReplace) && stale.find(item) == nullptr) {
      replaced.push_back(item);
    }
  }
  let_wait(way.placed, Places(others), options);
  std::ranges::move(replaced, std::back_inserter(way.obstacles));
  return way;
}

// The next elements that are removed together: some kChunk of them, and all of an owner's in one table.
std::span<const Element> first_chunk(std::span<const Element> elements, std::size_t size) {
  std::size_t end = std::min(size, elements.size());
  while (end < elements.size() && same_owner(elements[end], elements[end - 1]) &&
         same_table(elements[end].table, elements[end - 1].table)) {
    ++end;
  }
  return elements.first(end);
}

// Those that are there still, and still their owner's.
Elements find_left(nft::NftSocket& socket, const Elements& elements) {
  Elements present = find_present(socket, elements);
  const Places places(elements);
  std::erase_if(present,
                [&](const Element& item) { return !same_owner(*places.find(item), item); });
  return present;
}

}  // namespace

bool is_owned(const nft::Element& element, std::string_view key) {
  return key_in_comment(element.comment) == key;
}

bool same_place(const Element& a, const Element& b) {
  return same_table(a.table, b.table) && a.set == b.set && a.element.key == b.element.key;
}

void put(nft::NftSocket& socket, const Elements& elements, const Put& options) {
  bool with_sets = false;
  Way way{elements, options.remove};
  for (int attempt = 1; !elements.empty(); ++attempt) {
    nft::Transaction transaction;
    if (with_sets) {
      options.make_sets(transaction, way.placed);
    }
    append_removal(transaction, way.obstacles);
    append_addition(transaction, way.placed);
    if (attempt == kAttempts) {
      socket.execute(std::move(transaction));
      return;
    }
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      return;
    }
    if (ack.error != ENOENT && ack.error != EEXIST) {
      throw netlink::Error(ack, options.what);
    }
    // ENOENT: a set is missing, or an obstacle has gone. EEXIST: there is an obstacle, or somebody made the sets first.
    if (ack.error == EEXIST || !options.remove.empty() || attempt > 1) {
      way = clear_way(socket, elements, options);
    }
    with_sets = ack.error == ENOENT && options.make_sets && lacks_a_set(socket, way.placed);
  }
}

Elements find_present(nft::NftSocket& socket, const Elements& elements) {
  Elements present;
  for (auto first = elements.begin(); first != elements.end();) {
    const auto last = std::find_if(first, elements.end(), [&](const Element& item) {
      return !same_table(item.table, first->table);
    });
    std::vector<nft::ElementKey> keys;
    std::transform(first, last, std::back_inserter(keys), [](const Element& item) {
      return nft::ElementKey{item.set, item.element.key};
    });
    std::vector<std::optional<nft::Element>> found = socket.find_elements(first->table, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (found[i]) {
        const Element& asked = *(first + static_cast<std::ptrdiff_t>(i));
        present.push_back({asked.table, asked.set, *std::move(found[i]), asked.on_taken});
      }
    }
    first = last;
  }
  return present;
}

Elements search(nft::NftSocket& socket, std::span<const nft::Table> tables,
                const std::function<bool(const nft::Element&)>& wanted) {
  Elements found;
  for (const nft::Table& table : tables) {
    for (const std::string& set : socket.list_sets(table)) {
      for (nft::Element& element : socket.list_elements(table, set)) {
        if (wanted(element)) {
          found.push_back({table, set, std::move(element)});
        }
      }
    }
  }
  return found;
}

bool remove(nft::NftSocket& socket, const Elements& elements, const Follow& follow) {
  Elements left = elements;
  std::ranges::stable_sort(left, {}, [](const Element& item) {
    return std::tuple(item.table.family, std::string_view(item.table.name),
                      key_in_comment(item.element.comment));
  });
  std::size_t size = kChunk;
  bool undisturbed = true;
  for (int lost = 0; !left.empty();) {
    const std::span<const Element> chunk = first_chunk(left, size);
    nft::Transaction transaction;
    append_removal(transaction, chunk);
    if (follow) {
      follow(transaction, Elements(chunk.begin(), chunk.end()));
    }
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(chunk.size()));
      continue;
    }
    if (++lost == kRemovals || (ack.error != ENOENT && ack.error != EEXIST)) {
      throw netlink::Error(
          ack, concat("remove elements from nftables table ", chunk.front().table.name));
    }
    undisturbed = false;
    // Half of it is half as likely to meet somebody again.
    size = std::max<std::size_t>(size / 2, 1);
    left = find_left(socket, left);
  }
  return undisturbed;
}

Elements remove_all(nft::NftSocket& socket, const std::function<Elements()>& find,
                    const Follow& follow) {
  Elements all;
  for (int round = 0; round < kRemovals; ++round) {
    Elements found = find();
    const bool done = found.empty() || remove(socket, found, follow);
    std::ranges::move(found, std::back_inserter(all));
    if (done) {
      break;
    }
  }
  return all;
}

}  // namespace linnet::attach::owned
