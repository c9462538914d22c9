// What the kernel counted while something was measured.
#pragma once

#include <chrono>

#include "rig/counters.h"
#include "rig/sockets.h"

namespace linnet::rig {

struct Accounting {
  double seconds = 0;
  Counters client;   // of the namespace that asks, or sends bulk data
  Counters server;   // of the other one
  Counters machine;  // read_machine_counters()
  CpuTime cpu;       // of the whole machine
};

// Of two stretches together.
void add(Accounting& sum, const Accounting& more);

// Segments that a sender was told it had sent for nothing (D-SACK): the network had not lost them. A kernel that does
// not count segments (before 5.11) counts the acknowledgements that say so.
[[nodiscard]] std::int64_t spurious_retransmits(const Counters& sender);

// Counts from its construction on.
class Account {
 public:
  Account(const Host& host, const Path& path);
  [[nodiscard]] Accounting close() const;

 private:
  [[nodiscard]] Accounting read() const;

  const Host& host_;
  const Path& path_;
  Accounting before_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace linnet::rig
