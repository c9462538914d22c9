#include "plugins/attach/set_elements.h"

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace linnet::attach {

namespace nft = netlink::nft;

namespace {

// A transaction may lose a race against another plugin that creates the same set; the second attempt
// finds it there. More than a few rounds mean that something else is wrong.
constexpr int kAttempts = 5;

std::vector<SetElement> owned_ones(const std::vector<SetElement>& elements) {
  std::vector<SetElement> own;
  std::ranges::copy_if(elements, std::back_inserter(own),
                       [](const SetElement& item) { return !item.shared; });
  return own;
}

}  // namespace

bool owned(const nft::Element& element, std::string_view key) {
  return key_in_comment(element.comment) == key;
}

void put_elements(nft::NftSocket& socket, const std::vector<SetElement>& elements,
                  const std::function<void(nft::Transaction&)>& make_sets,
                  const std::vector<SetElement>& remove,
                  const std::function<void(const std::vector<SetElement>&)>& before_replacing) {
  bool with_sets = false;
  std::vector<SetElement> stale = remove;
  for (int attempt = 1;; ++attempt) {
    nft::Transaction transaction;
    if (with_sets) {
      make_sets(transaction);
    }
    for (const SetElement& item : stale) {
      transaction.remove_element(item.table, item.set, item.element);
    }
    for (const SetElement& item : elements) {
      item.shared ? transaction.ensure_element(item.table, item.set, item.element)
                  : transaction.add_element(item.table, item.set, item.element);
    }
    if (attempt == kAttempts) {
      socket.execute(std::move(transaction));
      return;
    }
    const netlink::Ack ack = socket.commit(std::move(transaction));
    if (ack.ok()) {
      return;
    }
    if (ack.error != ENOENT && ack.error != EEXIST) {
      throw netlink::Error(ack, concat("add elements to nftables table ", elements[0].table.name));
    }
    // ENOENT: the set is missing, or a stale element vanished. EEXIST: somebody made the set first,
    // or an element is there already.
    with_sets = ack.error == ENOENT && stale.empty();
    stale = remove.empty() ? remove : find_present(socket, remove);
    if (ack.error == EEXIST) {
      const std::vector<SetElement> occupied = find_present(socket, owned_ones(elements));
      if (before_replacing && !occupied.empty()) {
        before_replacing(occupied);
      }
      stale.insert(stale.end(), occupied.begin(), occupied.end());
    }
  }
}

std::vector<SetElement> find_present(nft::NftSocket& socket,
                                     const std::vector<SetElement>& elements) {
  std::vector<SetElement> present;
  for (auto first = elements.begin(); first != elements.end();) {
    const auto last = std::find_if(first, elements.end(), [&](const SetElement& item) {
      return item.table.name != first->table.name || item.table.family != first->table.family;
    });
    std::vector<nft::ElementKey> keys;
    std::transform(first, last, std::back_inserter(keys), [](const SetElement& item) {
      return nft::ElementKey{item.set, item.element.key};
    });
    std::vector<std::optional<nft::Element>> found = socket.find_elements(first->table, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (found[i]) {
        present.push_back({first->table, keys[i].set, *std::move(found[i])});
      }
    }
    first = last;
  }
  return present;
}

std::vector<SetElement> search_elements(nft::NftSocket& socket, std::span<const nft::Table> tables,
                                        const std::function<bool(const nft::Element&)>& wanted) {
  std::vector<SetElement> found;
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

void remove_elements(nft::NftSocket& socket, const std::vector<SetElement>& elements) {
  if (elements.empty()) {
    return;
  }
  nft::Transaction transaction;
  for (const SetElement& item : elements) {
    transaction.remove_element(item.table, item.set, item.element);
  }
  const netlink::Ack ack = socket.commit(std::move(transaction));
  // ENOENT: another DEL of the same attachment was faster.
  if (!ack.ok() && ack.error != ENOENT) {
    throw netlink::Error(ack,
                         concat("remove elements from nftables table ", elements[0].table.name));
  }
}

}  // namespace linnet::attach
