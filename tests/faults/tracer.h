// Runs a program under ptrace(2) and interferes with one of its system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace linnet::test {

struct SystemCall {
  // From 1, over all threads and children, in the order in which they enter the kernel; 0: of another program,
  // which the traced one executed.
  std::size_t nth = 0;
  long number = -1;
  std::uint64_t arguments[6] = {};
  pid_t thread = 0;  // that enters the kernel
};

// What happens to a system call before the kernel has begun it.
struct Interference {
  enum class Kind {
    kNone,
    kKill,  // SIGKILL to the program and its children; the call is not carried out
    kKillAlone,  // SIGKILL to the program only; what it executed goes on to its end, and nobody is asked any more
    kFail,  // the call is not carried out and returns `error`; 0: returns 0
    kHurry  // a poll(2) waits for at most kHurriedMilliseconds
  };
  static constexpr int kHurriedMilliseconds = 100;
  Kind kind = Kind::kNone;
  int error = 0;
};

struct TracedProgram {
  std::vector<std::string> arguments;  // the first one is a path
  std::string input;
  std::map<std::string, std::string> environment;
  // Asked before each system call of other programs that it executes. Without it nothing happens to them.
  std::function<Interference(const SystemCall&)> decide_other = {};
  // A descriptor for stdout; -1: a file that becomes TracedRun::output. kClosed: none.
  static constexpr int kClosed = -2;
  int output = -1;
};

struct TracedRun {
  ProgramOutput output;
  std::vector<SystemCall> calls;  // all of the program that were entered
  // It did not end within the deadline, and was killed.
  bool hung = false;
};

// Calls `decide` before each system call of the program, from the first one behind execve(2), and of its children until
// they execute another file. A program that does not end within ten seconds is killed. Throws SystemError.
[[nodiscard]] TracedRun run_traced(const TracedProgram& program,
                                   const std::function<Interference(const SystemCall&)>& decide);

}  // namespace linnet::test
