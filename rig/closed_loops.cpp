#include "rig/closed_loops.h"

#include <algorithm>
#include <numeric>

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

struct Talk {
  std::unique_ptr<Exchange> exchange;
  std::size_t contestant = 0;
};

std::vector<Talk> open_all(const std::vector<Contestant>& contestants,
                           const ClosedLoopOptions& options) {
  std::vector<Talk> talks;
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    for (int k = 0; k < options.connections; ++k) {
      talks.push_back({open_exchange(options.protocol, *contestants[i].host, *contestants[i].path,
                                     options.placement.server),
                       i});
      // Counts for nothing.
      (void)talks.back().exchange->block(options.transactions);
    }
  }
  return talks;
}

}  // namespace

std::vector<std::size_t> shuffled(std::size_t count, Random& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, random);
  return order;
}

std::vector<ClosedLoopResult> take_turns(const std::vector<Contestant>& contestants,
                                         const ClosedLoopOptions& options, Random& random) {
  std::vector<ClosedLoopResult> results(contestants.size());
  for (int round = 0; round < options.rounds; ++round) {
    const std::vector<Talk> talks = open_all(contestants, options);
    for (ClosedLoopResult& result : results) {
      result.samples.emplace_back();
    }
    const Clock::time_point end = Clock::now() + options.round_limit;
    for (int cycle = 0; cycle < options.cycles && (cycle < 2 || Clock::now() < end); ++cycle) {
      for (ClosedLoopResult& result : results) {
        result.samples.back().push_back(0);
      }
      for (const std::size_t i : shuffled(talks.size(), random)) {
        ClosedLoopResult& result = results[talks[i].contestant];
        result.samples.back().back() +=
            talks[i].exchange->block(options.transactions, &result.latency) / options.connections;
      }
    }
  }
  return results;
}

}  // namespace linnet::rig
