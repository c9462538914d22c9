// Requests at a fixed rate, whether the ones before have been answered or not: what waits behind a slow answer
// counts, which a client that asks only after the answer never sees.
#pragma once

#include <chrono>

#include "rig/exchange.h"

namespace linnet::rig {

struct OpenLoopOptions {
  double rate = 4000;  // a second
  std::chrono::milliseconds duration{300};
};

struct OpenLoop {
  Histogram latency;   // from when a request should have been sent until its answer was read
  Histogram lateness;  // of sending: what of the latency the client itself is to blame for
};

// One byte each on an open connection of TCP, by the calling thread. Throws SystemError; ETIMEDOUT when nothing
// comes for two seconds.
[[nodiscard]] OpenLoop send_at_rate(const Exchange& exchange, const OpenLoopOptions& options);

}  // namespace linnet::rig
