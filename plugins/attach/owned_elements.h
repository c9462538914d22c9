// Elements of nftables sets and maps that belong to attachments: put there, found by their owner, removed. An element's
// comment begins with its owner's key.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"

namespace linnet::attach::owned {

// What becomes of an element that has to be put where another owner's is. One of the same owner is always replaced.
enum class OnTaken {
  kRefuse,   // the transaction is given up
  kReplace,  // the other owner loses it
  kShare,    // it stays as it is, and is as good
  kWait,     // ours is put elsewhere, until the other owner has gone
};

struct Element {
  netlink::nft::Table table;
  std::string set;
  netlink::nft::Element element;
  OnTaken on_taken = OnTaken::kReplace;
};
using Elements = std::vector<Element>;

// Whether the element's comment names the owner of that key.
[[nodiscard]] bool is_owned(const netlink::nft::Element& element, std::string_view key);
// Whether both stand in the same place of the same set.
[[nodiscard]] bool same_place(const Element& a, const Element& b);

struct Put {
  // Appends the sets that are missing, with their chains and rules. Sets are made exclusively, so that of two plugins
  // that race only one adds the rules.
  std::function<void(netlink::nft::Transaction&, const Elements&)> make_sets = {};
  // Removed in the same transaction.
  Elements remove = {};
  // What has to be removed after a refusal, because things have changed; in place of `remove`.
  std::function<Elements()> find_stale = {};
  // Gets what stands in the places of ours, whoever owns it, while it is there. What it throws ends the attempt.
  std::function<void(const Elements&)> before_replacing = {};
  // Gets ours of OnTaken::kWait whose place is taken, and says where they are put instead.
  std::function<Elements(const Elements&)> place_waiting = {};
  // What is done, in the words of an error: "publish ports in nftables table linnet_portmap".
  std::string what = "add elements to an nftables set";
};

// All of them in one transaction, or none. A transaction that meets something in its way is tried again, a few times.
// Throws netlink::Error; for OnTaken::kRefuse that is EEXIST, unless `before_replacing` has a better word. Does nothing
// for an empty list.
void put(netlink::nft::NftSocket& nft, const Elements& elements, const Put& options);

// Those of `elements` that are there, with the data and comment they have, and with their `on_taken`.
[[nodiscard]] Elements find_present(netlink::nft::NftSocket& nft, const Elements& elements);

// The elements of all sets of the tables that `wanted` picks. Cost: one dump per set.
[[nodiscard]] Elements search(netlink::nft::NftSocket& nft,
                              std::span<const netlink::nft::Table> tables,
                              const std::function<bool(const netlink::nft::Element&)>& wanted);

// Appends to the transaction that removes `gone` what follows from it.
using Follow = std::function<void(netlink::nft::Transaction&, const Elements& gone)>;

// Removes them in transactions of a bounded size; those of one owner in one table stay together. An element that has
// gone meanwhile, or that has another owner now, is no error: what is left is tried again. Returns whether nobody else
// was met, who may have moved elements to other places. Throws netlink::Error.
bool remove(netlink::nft::NftSocket& nft, const Elements& elements, const Follow& follow = {});

// Removes what `find` finds until it finds nothing, or nobody interfered. Returns all that was found.
Elements remove_all(netlink::nft::NftSocket& nft, const std::function<Elements()>& find,
                    const Follow& follow = {});

}  // namespace linnet::attach::owned
