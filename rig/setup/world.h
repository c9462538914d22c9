// A host of its own for one folder of plugins in one scenario.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "rig/setup/process.h"
#include "rig/setup/scenario.h"

namespace linnet::rig::setup {

// One ADD, which succeeded, and the DEL that follows it.
struct Pair {
  Timing add;
  Timing del;
};

struct PairCost {
  Cost add;
  Cost del;
};

// A pair of the bare program, and what its DEL saw the kernel do.
struct BarePair {
  Pair pair;
  Timing announced;  // RTM_DELLINK sent until the multicast that the link is gone
  Timing answered;   // until the kernel's answer
};

// A process in a network and mount namespace of its own, with private /run and /var/lib/cni and as
// many container namespaces as it needs; everything in it ends with the object. Worlds do nothing
// by themselves, so that several take turns.
class World {
 public:
  // `containers` is how many attachments exist at once at most. Throws SystemError.
  World(const Scenario& scenario, std::string folder, int containers);
  World(World&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), channel_(std::move(other.channel_)) {}
  World& operator=(World&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(channel_, other.channel_);
    return *this;
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // Each returns absent when an execution failed; why is on stderr.
  [[nodiscard]] std::optional<Timing> version();
  [[nodiscard]] std::optional<Pair> pair();
  [[nodiscard]] std::optional<PairCost> traced_pair();
  // Only in a world of the bare scenario.
  [[nodiscard]] std::optional<BarePair> bare_pair();
  // One ADD, then connections from the host to the first published port, then DEL: the median of the time of
  // connect(2). Only in a world of the chain.
  [[nodiscard]] std::optional<Timing> connect();
  // Adds `count` attachments that stay, and waits until the kernel is quiet again.
  [[nodiscard]] bool grow(int count);
  // `count` ADDs at once, then their DELs one after the other: the time until the last ADD has
  // ended.
  [[nodiscard]] std::optional<Timing> burst(int count);

 private:
  struct Order;
  class Worker;
  template <typename Answer>
  [[nodiscard]] std::optional<Answer> ask(const Order& order);

  pid_t pid_ = -1;
  UniqueFd channel_;
};

}  // namespace linnet::rig::setup
