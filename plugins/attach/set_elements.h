// Elements of nftables sets that belong to attachments: put there, found by their owner, removed.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"

namespace linnet::attach {

struct SetElement {
  netlink::nft::Table table;
  std::string set;
  netlink::nft::Element element;
  bool shared = false;  // by several attachments: one that is there already is as good
};

// Whether the element's comment names the owner of that key.
[[nodiscard]] bool owned(const netlink::nft::Element& element, std::string_view key);

// Adds elements, whatever stands in the way: sets that do not exist yet are made (`make_sets`, exclusively), an
// element that an earlier owner of the same key left behind is replaced. `remove` goes in the same
// transaction. `before_replacing` gets those earlier elements while they are still there; what it throws ends the
// attempt. Throws Error.
void put_elements(netlink::nft::NftSocket& nft, const std::vector<SetElement>& elements,
                  const std::function<void(netlink::nft::Transaction&)>& make_sets,
                  const std::vector<SetElement>& remove = {},
                  const std::function<void(const std::vector<SetElement>&)>& before_replacing = {});

// Those of `elements` that are there, with the comment they have.
[[nodiscard]] std::vector<SetElement> find_present(netlink::nft::NftSocket& nft,
                                                   const std::vector<SetElement>& elements);

// The elements of all sets of the tables that `wanted` picks. Cost: a dump a set.
[[nodiscard]] std::vector<SetElement> search_elements(
    netlink::nft::NftSocket& nft, std::span<const netlink::nft::Table> tables,
    const std::function<bool(const netlink::nft::Element&)>& wanted);

// Nothing for an empty list; an element that has gone meanwhile is no error.
void remove_elements(netlink::nft::NftSocket& nft, const std::vector<SetElement>& elements);

}  // namespace linnet::attach
