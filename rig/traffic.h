// Bulk data over TCP whose senders may be moved between CPUs, with the namespaces' own congestion control.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "rig/accounting.h"

namespace linnet::rig {

// CPUs that this process may run on, ascending.
[[nodiscard]] std::vector<unsigned> allowed_cpus();
// Moves the calling thread, which may run nowhere else from then on. Throws SystemError.
void pin_to(unsigned cpu);
// Lets the calling thread run on all of them again.
void unpin(const std::vector<unsigned>& cpus);

// The CPUs of the two ends.
struct Placement {
  unsigned client = 0;
  unsigned server = 0;
};

enum class Sender { kStill, kMigrating };

struct BulkOptions {
  int flows = 2;
  std::chrono::milliseconds warm_up{0};  // before anything is counted
  std::chrono::milliseconds duration{2000};
  Sender sender = Sender::kMigrating;
  std::chrono::milliseconds stay{5};        // of a migrating sender on one CPU
  std::optional<Placement> placement = {};  // absent: where the scheduler puts them
};

struct Bulk {
  double bits_per_second = 0;  // that the receivers read
  Accounting account;
  std::vector<FlowInfo> flows;
};

// The calling thread may run on every CPU that senders shall be moved to. Throws SystemError.
[[nodiscard]] Bulk send_bulk(const Host& host, const Path& path, const BulkOptions& options);

}  // namespace linnet::rig
