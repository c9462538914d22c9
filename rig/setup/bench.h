// The cost of ADD and DEL of several folders of plugins, taken in turns in one run.
#pragma once

#include <string>
#include <vector>

#include "rig/setup/report.h"

namespace linnet::rig::setup {

struct SetupOptions {
  std::vector<std::string> folders;  // the first is what the others are compared with
  std::string own_folder;            // of netrig: where the bare program is, if it was built
  std::string only;                  // name of a scenario; empty: all
  int rounds = 40;                   // executions a row and folder
  int attachments = 1000;            // of the growth rows, 0: none
  int burst = 30;                    // ADDs at once, 0: none
  int burst_rounds = 5;
};

// Throws SystemError.
[[nodiscard]] Report measure_setup(const SetupOptions& options);

}  // namespace linnet::rig::setup
