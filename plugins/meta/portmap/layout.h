// The table "inet linnet_portmap": chains with fixed rules over maps and sets, so that their number does not
// grow with containers or mappings. docs/portmap.md shows it as nft(8) prints it.
#pragma once

#include <string>
#include <vector>

#include "netlink/nftables.h"
#include "plugins/meta/portmap/plan.h"

namespace linnet::portmap {

inline const netlink::nft::Table kTable = {.family = netlink::nft::TableFamily::kInet,
                                           .name = "linnet_portmap"};

// The table, its chains, and what has no conditions. The maps are made exclusively, so that of two plugins
// that race only one adds the rules (the other's transaction ends with EEXIST).
void add_base(netlink::nft::Transaction& transaction);
// Maps and rules of conditions; nothing for a scope without.
void add_scope(netlink::nft::Transaction& transaction, const Scope& scope);
void add_hairpin(netlink::nft::Transaction& transaction, const Hairpin& hairpin);

// A rule that must be there: its chain and its comment.
struct FixedRule {
  std::string chain;
  std::string comment;
};
[[nodiscard]] std::vector<FixedRule> rules_for(const Plan& plan);

}  // namespace linnet::portmap
