// What the rig's containers say to each other: one byte back and forth, and bulk data whose sender may be moved
// between CPUs. TCP, with the namespaces' own congestion control.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "rig/counters.h"
#include "rig/host.h"

namespace linnet::rig {

struct Path {
  std::string client;  // names of namespaces
  std::string server;
  IpAddress address;  // of the server
};

// CPUs that this process may run on, ascending.
[[nodiscard]] std::vector<unsigned> allowed_cpus();
// Moves the calling thread, which may run nowhere else from then on. Throws SystemError.
void pin_to(unsigned cpu);

// An open connection with a thread that answers at its far end. Closing it ends the thread.
class PingPong {
 public:
  // Both ends on `cpu`: the calling thread is expected there. Throws SystemError.
  PingPong(const Host& host, const Path& path, unsigned cpu);
  ~PingPong();
  PingPong(const PingPong&) = delete;
  PingPong& operator=(const PingPong&) = delete;

  // Mean time of a round trip, in microseconds. Throws SystemError.
  [[nodiscard]] double block(int round_trips) const;

 private:
  UniqueFd client_;
  UniqueFd server_;
  std::jthread answering_;
};

enum class Sender { kStill, kMigrating };

struct BulkOptions {
  int flows = 2;
  std::chrono::milliseconds duration{2000};
  Sender sender = Sender::kMigrating;
  std::chrono::milliseconds stay{5};  // of a migrating sender on one CPU
};

struct Bulk {
  double bits_per_second = 0;  // that the receivers read
  Counters sender;             // what the counters of its namespace grew by
  Counters receiver;
  CpuTime cpu;  // of the whole machine
};

// Throws SystemError.
[[nodiscard]] Bulk send_bulk(const Host& host, const Path& path, const BulkOptions& options);

}  // namespace linnet::rig
