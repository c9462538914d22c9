// One execution of a plugin: timed, or traced.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace linnet::rig::setup {

struct Execution {
  std::string executable;
  std::vector<std::string> environment;  // "NAME=value", all of it
  std::string configuration;             // stdin
  // In place of an executable: what a child of this process does. Returns its exit code.
  std::function<int()> action;
};

// Plain data: it goes through a pipe.
struct Timing {
  double wall_us = 0;
  double cpu_us = 0;  // user and system time of the process and its children
  int exit_code = -1;
};

struct Outcome {
  Timing timing;
  std::string output;  // what the plugin said on stdout
};

// Runs to the end and takes the time from before the child is made until it has been reaped.
[[nodiscard]] Outcome run_timed(const Execution& execution);

// Starts all at once; the time from the first start until the last is reaped, and each one's.
struct Burst {
  double wall_us = 0;
  std::vector<Timing> each;
};
[[nodiscard]] Burst run_together(const std::vector<Execution>& executions);

// What a run costs that no clock shows. All its processes and threads, under ptrace(2).
struct Cost {
  std::uint64_t syscalls = 0;
  std::uint64_t execs = 0;
  std::uint64_t peak_kib = 0;  // VmHWM of the largest process
  bool iptables = false;       // an iptables was executed
  int exit_code = -1;
};
[[nodiscard]] Cost run_traced(const Execution& execution);

}  // namespace linnet::rig::setup
