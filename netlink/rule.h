// Policy routing rules as values.
// Source: ip-rule(8), linux/fib_rules.h.
#pragma once

#include <cstdint>

#include "base/ip_address.h"

namespace linnet::netlink {

class Batch;

// What comes from `source` looks up `table`; 0.0.0.0/0 and ::/0 stand for every source.
struct Rule {
  Cidr source;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;  // 0 in a new rule: one before all the others but the first
  friend bool operator==(const Rule&, const Rule&) = default;
};

// EEXIST when there is the very same rule.
void add_rule(Batch& batch, const Rule& rule);
// ENOENT when there is none.
void remove_rule(Batch& batch, const Rule& rule);

}  // namespace linnet::netlink
