#include "tests/faults/tracer.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"

#ifndef __x86_64__
#error "the registers that hold a system call are known for x86-64 only"
#endif

namespace linnet::test {

namespace {

constexpr int kDeadlineSeconds = 10;
constexpr std::size_t kMaxOutput = std::size_t{16} << 20U;

UniqueFd memory_file(const char* name, std::string_view content = {}) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) {
    throw SystemError(errno, "make a file in memory");
  }
  write_all(fd.get(), content, name);
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(const UniqueFd& fd) {
  ::lseek(fd.get(), 0, SEEK_SET);
  return read_all(fd.get(), kMaxOutput, "what the program wrote");
}

// Interrupts waitpid(2) once a second.
class Ticks {
 public:
  Ticks() {
    struct sigaction ignore {};
    ignore.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &ignore, &before_);
    set_seconds(1);
  }
  Ticks(const Ticks&) = delete;
  Ticks& operator=(const Ticks&) = delete;
  ~Ticks() {
    set_seconds(0);
    ::sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  static void set_seconds(time_t seconds) {
    const itimerval every = {{seconds, 0}, {seconds, 0}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  struct sigaction before_ {};
};

// A build that counts its lines writes the counts when it ends or executes another program, as its last act: no
// calls of the program's own.
bool opens_line_counts(const SystemCall& call) {
  if (call.number != SYS_openat) {
    return false;
  }
  const UniqueFd memory(
      ::open(concat("/proc/", call.thread, "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  char path[PATH_MAX] = {};
  // Less than asked for where the memory ends.
  (void)!::pread(memory.get(), path, sizeof path - 1, static_cast<off_t>(call.arguments[1]));
  return std::string_view(path).ends_with(".gcda");
}

class Tracer {
 public:
  using Decide = std::function<Interference(const SystemCall&)>;

  Tracer(pid_t child, const Decide& decide, const Decide& decide_other)
      : child_(child), decide_(decide), decide_other_(decide_other) {
    alive_.insert(child);
  }

  TracedRun run() {
    const Ticks ticks;
    int seconds = 0;
    while (!alive_.empty()) {
      int status = 0;
      const pid_t pid = ::waitpid(-child_, &status, __WALL);
      if (pid > 0) {
        handle(pid, status);
      } else if (errno == EINTR && ++seconds >= kDeadlineSeconds) {
        result_.hung = true;
        kill_all();
      } else if (errno == ECHILD) {
        break;
      }
    }
    return std::move(result_);
  }

 private:
  void handle(pid_t pid, int status) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      alive_.erase(pid);
      others_.erase(pid);
      if (pid == child_) {
        result_.output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      return;
    }
    if (alive_.insert(pid).second && executed_) {
      look_at_file_of(pid);
    }
    if (killed_) {
      ::kill(pid, SIGKILL);
      return;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      at_system_call(pid);
      signal = 0;
    } else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
      executed_ = true;
      counting_.erase(pid);
      look_at_file_of(pid);
      signal = 0;
    } else if (status >> 16 != 0 || signal == SIGSTOP) {
      if (!optioned_) {
        set_options(pid);
      }
      signal = 0;
    }
    if (!killed_) {
      ::ptrace(counting_.contains(pid) ? PTRACE_CONT : PTRACE_SYSCALL, pid, nullptr, signal);
    }
  }

  // Inherited by what it forks.
  void set_options(pid_t pid) {
    constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                             PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, pid, nullptr, options) != 0) {
      throw SystemError(errno, "trace the program");
    }
    optioned_ = true;
  }

  void look_at_file_of(pid_t pid) {
    const std::string file = std::filesystem::read_symlink(concat("/proc/", pid, "/exe"));
    if (pid == child_) {
      executable_ = file;
    } else if (file != executable_) {
      others_.insert(pid);
    }
  }

  void at_system_call(pid_t pid) {
    __ptrace_syscall_info info{};
    if (!executed_ || ::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) {
      return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
      if (const auto failing = failing_.find(pid); failing != failing_.end()) {
        set_register(pid, offsetof(user_regs_struct, rax), -failing->second);
        failing_.erase(failing);
      }
      return;
    }
    SystemCall call{.number = static_cast<long>(info.entry.nr), .thread = pid};
    std::copy(std::begin(info.entry.args), std::end(info.entry.args), std::begin(call.arguments));
    if (opens_line_counts(call)) {
      counting_.insert(pid);
      return;
    }
    const bool other = others_.contains(pid);
    if (!other) {
      call.nth = result_.calls.size() + 1;
      result_.calls.push_back(call);
    }
    const Decide& decide = other ? decide_other_ : decide_;
    if (!killed_alone_ && decide) {
      interfere(pid, decide(call));
    }
  }

  void interfere(pid_t pid, const Interference& interference) {
    using enum Interference::Kind;
    if (interference.kind == kKill) {
      kill_all();
    } else if (interference.kind == kKillAlone) {
      killed_alone_ = true;
      ::kill(child_, SIGKILL);
    } else if (interference.kind == kFail) {
      set_register(pid, offsetof(user_regs_struct, orig_rax), -1);
      failing_[pid] = interference.error;
    } else if (interference.kind == kHurry) {
      set_register(pid, offsetof(user_regs_struct, rdx), Interference::kHurriedMilliseconds);
    }
  }

  static void set_register(pid_t pid, std::size_t offset, long value) {
    if (::ptrace(PTRACE_POKEUSER, pid, offset, value) != 0) {
      throw SystemError(errno, "change a register");
    }
  }

  // At the entry of a call the kernel looks for a fatal signal before it begins.
  void kill_all() {
    killed_ = true;
    for (const pid_t pid : alive_) {
      ::kill(pid, SIGKILL);
    }
  }

  const pid_t child_;
  const Decide& decide_;
  const Decide& decide_other_;
  std::set<pid_t> alive_;
  std::string executable_;
  std::set<pid_t> others_;        // that execute another file
  std::map<pid_t, int> failing_;  // errno that the current call returns
  std::set<pid_t> counting_;      // that write their line counts
  bool optioned_ = false;
  bool executed_ = false;
  bool killed_ = false;
  bool killed_alone_ = false;
  TracedRun result_;
};

[[noreturn]] void become(char* const* arguments, char* const* environment, int input, int output,
                         int error) {
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(input, STDIN_FILENO);
  if (output == TracedProgram::kClosed) {
    ::close(STDOUT_FILENO);
  } else {
    ::dup2(output, STDOUT_FILENO);
  }
  ::dup2(error, STDERR_FILENO);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  ::execve(arguments[0], arguments, environment);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

TracedRun run_traced(const TracedProgram& program,
                     const std::function<Interference(const SystemCall&)>& decide) {
  const UniqueFd input = memory_file("stdin", program.input);
  const UniqueFd output = memory_file("stdout");
  const UniqueFd error = memory_file("stderr");
  std::vector<std::string> arguments = program.arguments;
  std::vector<std::string> variables;
  for (const auto& [name, value] : program.environment) {
    variables.push_back(concat(name, "=", value));
  }
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(variables);
  const int stdout_fd = program.output == -1 ? output.get() : program.output;
  const pid_t child = ::fork();
  if (child < 0) {
    throw SystemError(errno, "fork");
  }
  if (child == 0) {
    ::setpgid(0, 0);
    become(argv.data(), envp.data(), input.get(), stdout_fd, error.get());
  }
  // A group of its own, which its children are in: other programs of this process are not the tracer's.
  ::setpgid(child, child);
  TracedRun run = Tracer(child, decide, program.decide_other).run();
  run.output.standard_output = content_of(output);
  run.output.standard_error = content_of(error);
  return run;
}

}  // namespace linnet::test
