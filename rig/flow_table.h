// The machine's table of flows and the CPUs their readers run on: net.core.rps_sock_flow_entries, which
// only the initial network namespace has.
// Source: Documentation/networking/scaling.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace linnet::rig {

// Makes the table while the object lives, where there is none. However this process ends, SIGKILL included,
// a child of it puts the size back to what it was.
class FlowTable {
 public:
  // To be called before the process leaves the initial network namespace, and before it makes threads.
  // Throws SystemError.
  explicit FlowTable(std::uint32_t entries);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // Of the table that there is now; 0 where the process was not started in the initial namespace.
  [[nodiscard]] std::uint32_t entries() const { return entries_; }
  // Whether it is there for this run only.
  [[nodiscard]] bool is_temporary() const { return keeper_ > 0; }

 private:
  std::uint32_t entries_ = 0;
  int keeper_ = -1;    // pid of the child
  UniqueFd lifeline_;  // whose end it waits for
};

}  // namespace linnet::rig
