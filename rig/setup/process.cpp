#include "rig/setup/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace linnet::rig::setup {

namespace {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

UniqueFd memory_file(std::string_view content) {
  UniqueFd file(::memfd_create("netrig", MFD_CLOEXEC));
  if (!file) {
    throw SystemError(errno, "make a file in memory");
  }
  write_all(file.get(), content, "the configuration");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

pid_t fork_child() {
  const pid_t pid = ::fork();
  if (pid < 0) {
    throw SystemError(errno, "fork");
  }
  return pid;
}

// Everything of an execution that is made ready before the clock runs.
class Prepared {
 public:
  explicit Prepared(const Execution& execution)
      : action_(execution.action),
        executable_(execution.executable),
        environment_(execution.environment),
        input_(memory_file(execution.configuration)),
        output_(memory_file("")) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input_.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output_.get(), STDOUT_FILENO);
    arguments_ = {executable_.data(), nullptr};
    for (std::string& variable : environment_) {
      variables_.push_back(variable.data());
    }
    variables_.push_back(nullptr);
  }
  ~Prepared() { ::posix_spawn_file_actions_destroy(&actions_); }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  [[nodiscard]] pid_t spawn() {
    pid_t pid = -1;
    if (action_) {
      pid = fork_child();
      if (pid == 0) {
        execute();
      }
      return pid;
    }
    const int error = ::posix_spawn(&pid, executable_.c_str(), &actions_, nullptr,
                                    arguments_.data(), variables_.data());
    if (error != 0) {
      throw SystemError(error, concat("execute ", executable_));
    }
    return pid;
  }

  // What a child of fork(2) does.
  [[noreturn]] void execute() {
    ::dup2(input_.get(), STDIN_FILENO);
    ::dup2(output_.get(), STDOUT_FILENO);
    if (action_) {
      ::_exit(action_());
    }
    ::execve(executable_.c_str(), arguments_.data(), variables_.data());
    ::_exit(127);
  }

  [[nodiscard]] std::string output() const {
    ::lseek(output_.get(), 0, SEEK_SET);
    return read_all(output_.get(), 1 << 20, "a plugin's output");
  }

 private:
  std::function<int()> action_;
  std::string executable_;
  std::vector<std::string> environment_;
  UniqueFd input_;
  UniqueFd output_;
  posix_spawn_file_actions_t actions_{};
  std::vector<char*> arguments_;
  std::vector<char*> variables_;
};

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

double cpu_of(const rusage& usage) {
  const auto microseconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

std::uint64_t peak_kib_of(pid_t pid) {
  const std::optional<std::string> status = find_file(concat("/proc/", pid, "/status"), 1 << 16);
  const std::size_t at = status ? status->find("VmHWM:") : std::string::npos;
  if (at == std::string::npos) {
    return 0;
  }
  const std::string_view rest = trim(std::string_view(*status).substr(at + 6));
  return parse_number<std::uint64_t>(rest.substr(0, rest.find(' '))).value_or(0);
}

// Follows a stopped child and all it makes to their end.
class Tracer {
 public:
  explicit Tracer(pid_t root) : root_(root) {}

  Cost run() {
    int status = 0;
    ::waitpid(root_, &status, __WALL);
    ::ptrace(PTRACE_SETOPTIONS, root_, nullptr,
             PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
    ::ptrace(PTRACE_SYSCALL, root_, nullptr, nullptr);
    for (;;) {
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0) {
        return cost_;
      }
      if (WIFSTOPPED(status)) {
        const int signal = on_stop(pid, status);
        ::ptrace(PTRACE_SYSCALL, pid, nullptr, signal);
      } else if (pid == root_) {
        cost_.exit_code = exit_code_of(status);
      }
    }
  }

 private:
  // The signal to hand on.
  int on_stop(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) {
      // Entry and exit stops take turns.
      bool& inside = inside_[pid];
      inside = !inside;
      cost_.syscalls += inside && started_ ? 1 : 0;
      return 0;
    }
    if (event == PTRACE_EVENT_EXEC) {
      note_exec(pid);
      return 0;
    }
    if (event == PTRACE_EVENT_EXIT) {
      cost_.peak_kib = std::max(cost_.peak_kib, peak_kib_of(pid));
      return 0;
    }
    return event != 0 || signal == SIGSTOP || signal == SIGTRAP ? 0 : signal;
  }

  void note_exec(pid_t pid) {
    // What comes before the first is ours.
    started_ = true;
    ++cost_.execs;
    char path[256];
    const ssize_t size = ::readlink(concat("/proc/", pid, "/exe").c_str(), path, sizeof path);
    if (size > 0) {
      const std::string_view executable(path, static_cast<std::size_t>(size));
      cost_.iptables = cost_.iptables || executable.find("tables") != std::string_view::npos;
    }
  }

  pid_t root_;
  Cost cost_;
  bool started_ = false;
  std::map<pid_t, bool> inside_;
};

}  // namespace

Outcome run_timed(const Execution& execution) {
  Prepared prepared(execution);
  rusage usage{};
  int status = 0;
  const Clock::time_point start = Clock::now();
  const pid_t pid = prepared.spawn();
  while (::wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  Outcome outcome;
  outcome.timing = {microseconds_since(start), cpu_of(usage), exit_code_of(status)};
  outcome.output = prepared.output();
  return outcome;
}

Burst run_together(const std::vector<Execution>& executions) {
  std::vector<std::unique_ptr<Prepared>> prepared;
  prepared.reserve(executions.size());
  for (const Execution& execution : executions) {
    prepared.push_back(std::make_unique<Prepared>(execution));
  }
  Burst burst;
  const Clock::time_point start = Clock::now();
  for (const auto& one : prepared) {
    (void)one->spawn();
  }
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    rusage usage{};
    int status = 0;
    if (::wait4(-1, &status, 0, &usage) < 0) {
      throw SystemError(errno, "wait for a plugin");
    }
    burst.each.push_back({microseconds_since(start), cpu_of(usage), exit_code_of(status)});
  }
  burst.wall_us = microseconds_since(start);
  return burst;
}

Cost run_traced(const Execution& execution) {
  Prepared prepared(execution);
  const pid_t child = fork_child();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    static_cast<void>(::raise(SIGSTOP));
    prepared.execute();
  }
  return Tracer(child).run();
}

}  // namespace linnet::rig::setup
