// Several connections that take turns within milliseconds, so that what disturbs the machine disturbs all alike.
#pragma once

#include <chrono>
#include <random>
#include <vector>

#include "rig/exchange.h"
#include "rig/statistics.h"
#include "rig/traffic.h"

namespace linnet::rig {

using Random = std::mt19937_64;

// 0 … count - 1 in another order each time.
[[nodiscard]] std::vector<std::size_t> shuffled(std::size_t count, Random& random);

// One that takes part: a way through a host.
struct Contestant {
  const Host* host = nullptr;
  const Path* path = nullptr;
};

struct ClosedLoopOptions {
  Protocol protocol = Protocol::kTcp;
  Placement placement;  // of the calling thread, which is expected there, and of the answers
  int rounds = 6;       // after each of which connections are opened anew
  int cycles = 50;      // of a round at most: a block on every connection
  // A round that takes longer ends after the second cycle or a later one, so that a run on a busy machine ends.
  std::chrono::milliseconds round_limit{3600000};
  int transactions = 40;  // of a block
  int connections = 2;    // of each contestant
};

struct ClosedLoopResult {
  Rounds samples;  // microseconds of a transaction: one a cycle, the mean of the connections
  Histogram latency;
};

// In the order of the contestants. Throws SystemError.
[[nodiscard]] std::vector<ClosedLoopResult> take_turns(const std::vector<Contestant>& contestants,
                                                       const ClosedLoopOptions& options,
                                                       Random& random);

}  // namespace linnet::rig
