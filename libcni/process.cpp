#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "libcni/exec.h"

namespace linnet::cni {

namespace {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

constexpr std::size_t kMaxOutput = std::size_t{16} << 20U;
constexpr int kBusyRetries = 5;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// A descriptor 0, 1 or 2 (the caller has closed its own) would be overwritten by the redirections
// of the child.
UniqueFd above_standard(UniqueFd fd) {
  if (fd.get() > STDERR_FILENO) {
    return fd;
  }
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved) {
    throw SystemError(errno, "duplicate a pipe");
  }
  return moved;
}

// A pipe and not a socket pair, whose writer could do without SIGPIPE: shell plugins read
// /dev/stdin, which cannot be opened when it is a socket.
Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw SystemError(errno, "make a pipe");
  }
  UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  return {above_standard(std::move(read)), above_standard(std::move(write))};
}

// Keeps SIGPIPE from this thread while it writes to a child that may be gone, and takes back the
// one that the write caused: the signal dispositions belong to the program that uses the library.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigemptyset(&pending);
    ::sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;
  ~SigpipeBlock() {
    if (raised_ && !was_pending_) {
      const timespec at_once{};
      while (::sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  void raised() { raised_ = true; }

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
  bool raised_ = false;
};

std::vector<std::string> child_environment(const std::map<std::string, std::string>& overrides) {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (!overrides.contains(std::string(variable.substr(0, variable.find('='))))) {
      variables.emplace_back(variable);
    }
  }
  for (const auto& [name, value] : overrides) {
    variables.push_back(concat(name, '=', value));
  }
  return variables;
}

// What a child needs to become the plugin, made ready before it exists: until execve(2) it shares this
// process's memory and may call nothing that allocates or locks.
struct Launch {
  const char* executable;
  char* const* arguments;
  char* const* environment;
  std::array<int, 3> streams;
};

// The child's part. Returns errno when the plugin cannot be executed.
int become(const Launch& launch) {
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(launch.streams[static_cast<std::size_t>(fd)], fd) < 0) {
      return errno;
    }
  }
  // What this program's caller forgot to keep to itself is nothing to a plugin. Kernels before 5.9 leave it open.
  static_cast<void>(::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0));
  // Daemons ignore SIGPIPE and block signals for themselves; a plugin shall not inherit that.
  static_cast<void>(::signal(SIGPIPE, SIG_DFL));
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(launch.executable, launch.arguments, launch.environment);
  return errno;
}

// Returns errno of a child that could not execute the plugin, else 0 and `pid`.
//
// vfork(2) and not posix_spawn(3), which asks for the disposition of every signal there is in each child:
// 120 system calls, more than all the rest of an ADD. With every signal blocked until the child's
// last step no handler of this program runs in the child before that.
int try_to_launch(const Launch& launch, pid_t& pid) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile int failure = 0;
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): why, stands above
  const pid_t child = ::vfork();
  if (child == 0) {
    // NOLINTNEXTLINE(clang-analyzer-unix.Vfork): it makes system calls only, and returns to this frame
    failure = become(launch);
    ::_exit(127);
  }
  const int fork_error = child < 0 ? errno : 0;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child > 0 && failure != 0) {
    ::waitpid(child, nullptr, 0);
  }
  pid = child;
  return fork_error != 0 ? fork_error : failure;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

pid_t spawn(const std::string& executable, std::vector<std::string> arguments,
            std::vector<std::string> environment, const std::array<int, 3>& streams) {
  arguments.insert(arguments.begin(), executable);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(environment);
  const Launch launch = {executable.c_str(), argv.data(), envp.data(), streams};
  for (int attempt = 0;; ++attempt) {
    pid_t pid = -1;
    const int code = try_to_launch(launch, pid);
    if (code == 0) {
      return pid;
    }
    if (code != ETXTBSY || attempt == kBusyRetries) {
      throw SystemError(code, concat("execute ", executable));
    }
    // Somebody is writing the file, or forked while writing it; the kernel has no event for the
    // end.
    const timespec pause{.tv_sec = 1, .tv_nsec = 0};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
  }
}

// Milliseconds until the deadline, rounded up; -1 without one.
int poll_timeout(const Deadline& deadline) {
  if (!deadline) {
    return -1;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT32_MAX));
}

// Whether the child ends in time: one may close its outputs and stay.
bool ends_before(pid_t pid, const Deadline& deadline) {
  if (!deadline) {
    return true;
  }
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    // Kernels before 5.3 and some seccomp profiles do not have it: the end of both outputs must do.
    return true;
  }
  pollfd end{process.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&end, 1, poll_timeout(deadline));
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

// Writes what the pipe takes. The pipe is closed when all is written, or nobody reads it any more.
void write_some(UniqueFd& input, std::string_view& unwritten) {
  SigpipeBlock sigpipe;
  const ssize_t written = ::write(input.get(), unwritten.data(), unwritten.size());
  if (written >= 0) {
    unwritten.remove_prefix(static_cast<std::size_t>(written));
  } else if (errno == EPIPE) {
    sigpipe.raised();
    unwritten = {};
  } else if (errno != EAGAIN && errno != EINTR) {
    throw SystemError(errno, "write the input of a program");
  }
  if (unwritten.empty()) {
    input.reset();
  }
}

// The conversation with one child: its input, until all is written or nobody reads it any more, and
// both outputs until their end.
class Conversation {
 public:
  Conversation(UniqueFd& input, UniqueFd& output, UniqueFd& error, std::string_view unwritten)
      : input_(input), output_(output), error_(error), unwritten_(unwritten) {}

  // False when the deadline passed first.
  [[nodiscard]] bool finish(const Deadline& deadline, PluginOutput& result) {
    while (input_ || output_ || error_) {
      // A negative descriptor is left out by poll(2).
      std::array<pollfd, 3> ends = {
          {{input_.get(), POLLOUT, 0}, {output_.get(), POLLIN, 0}, {error_.get(), POLLIN, 0}}};
      const int ready = ::poll(ends.data(), ends.size(), poll_timeout(deadline));
      if (ready == 0) {
        return false;
      }
      if (ready < 0 && errno != EINTR) {
        throw SystemError(errno, "wait for the output of a program");
      }
      if (ready > 0) {
        if (ends[0].revents != 0) {
          write_some(input_, unwritten_);
        }
        if (ends[1].revents != 0) {
          read_some(output_, result.standard_output);
        }
        if (ends[2].revents != 0) {
          read_some(error_, result.standard_error);
        }
      }
    }
    return true;
  }

 private:
  static void read_some(UniqueFd& fd, std::string& collected) {
    std::array<char, 16384> buffer;
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got > 0) {
      collected.append(buffer.data(), static_cast<std::size_t>(got));
      if (collected.size() > kMaxOutput) {
        throw Error(Code::kIoFailure, concat("more than ", kMaxOutput, " bytes of output"));
      }
    } else if (got == 0) {
      fd.reset();
    } else if (errno != EINTR && errno != EAGAIN) {
      throw SystemError(errno, "read the output of a program");
    }
  }

  UniqueFd& input_;
  UniqueFd& output_;
  UniqueFd& error_;
  std::string_view unwritten_;
};

}  // namespace

PluginProcess PluginProcess::start(const std::string& executable,
                                   const std::map<std::string, std::string>& overrides) {
  return start(executable, {}, child_environment(overrides));
}

PluginProcess PluginProcess::start(const std::string& executable,
                                   std::vector<std::string> arguments,
                                   std::vector<std::string> environment) {
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe error = make_pipe();
  PluginProcess process;
  process.executable_ = executable;
  process.pid_ = spawn(executable, std::move(arguments), std::move(environment),
                       {input.read.get(), output.write.get(), error.write.get()});
  process.input_ = std::move(input.write);
  process.output_ = std::move(output.read);
  process.error_ = std::move(error.read);
  return process;
}

PluginProcess::PluginProcess(PluginProcess&& other) noexcept
    : executable_(std::move(other.executable_)),
      pid_(std::exchange(other.pid_, -1)),
      input_(std::move(other.input_)),
      unwritten_(std::move(other.unwritten_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)) {}

PluginProcess& PluginProcess::operator=(PluginProcess&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    executable_ = std::move(other.executable_);
    pid_ = std::exchange(other.pid_, -1);
    input_ = std::move(other.input_);
    unwritten_ = std::move(other.unwritten_);
    output_ = std::move(other.output_);
    error_ = std::move(other.error_);
  }
  return *this;
}

PluginProcess::~PluginProcess() { kill_and_reap(); }

void PluginProcess::kill_and_reap() noexcept {
  if (pid_ < 0) {
    return;
  }
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

int PluginProcess::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) {
      pid_ = -1;
      throw SystemError(errno, concat("wait for ", executable_));
    }
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void PluginProcess::give(std::string_view configuration) {
  // A child may answer before it has read all: writing must not wait for it.
  if (::fcntl(input_.get(), F_SETFL, O_NONBLOCK) != 0) {
    throw SystemError(errno, "make a pipe non-blocking");
  }
  write_some(input_, configuration);
  unwritten_ = configuration;
}

PluginOutput PluginProcess::run(std::string_view configuration,
                                std::optional<std::chrono::milliseconds> timeout) {
  give(configuration);
  return finish(timeout);
}

PluginOutput PluginProcess::finish(std::optional<std::chrono::milliseconds> timeout) {
  const Deadline deadline = timeout ? Deadline(Clock::now() + *timeout) : std::nullopt;
  PluginOutput result;
  try {
    Conversation conversation(input_, output_, error_, unwritten_);
    if (!conversation.finish(deadline, result) || !ends_before(pid_, deadline)) {
      throw Error(Code::kTryAgainLater,
                  concat("no answer within ", timeout->count(), " ms, killed"),
                  std::string(trim(result.standard_error)));
    }
  } catch (const Error& error) {
    kill_and_reap();
    throw Error(error.code(), concat(executable_, ": ", error.message()), error.details());
  }
  result.exit_code = wait();
  return result;
}

}  // namespace linnet::cni
