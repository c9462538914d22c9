// Stands in for a tool of the legacy iptables, and does wrong when the plan says so; see faulty_iptables.h.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/faults/faulty_iptables.h"

namespace {

using linnet::test::ToolFault;
using namespace linnet::test::faulty_iptables;

struct Tool {
  std::string path;  // of the real one
  std::vector<std::string> arguments;

  [[nodiscard]] bool lists() const { return std::ranges::find(arguments, "-S") != arguments.end(); }
};

[[noreturn]] void become(const Tool& tool) {
  std::vector<char*> argv;
  for (const std::string& argument : tool.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  ::execv(tool.path.c_str(), argv.data());
  ::_exit(127);
}

// The real tool's work, with what it prints on the descriptor `output`.
void work(const Tool& tool, int output) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(output, STDOUT_FILENO);
    become(tool);
  }
  ::waitpid(child, nullptr, 0);
}

void work(const Tool& tool) { work(tool, ::open("/dev/null", O_WRONLY | O_CLOEXEC)); }

void print(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written <= 0) {
      ::_exit(1);
    }
    done += static_cast<std::size_t>(written);
  }
}

[[noreturn]] void say(int status, const std::string& text) {
  print(STDERR_FILENO, text);
  ::_exit(status);
}

[[noreturn]] void wait_for_ever() {
  for (;;) {
    ::pause();
  }
}

// More than half of the listing, up to the middle of a line.
[[noreturn]] void print_cut(const Tool& tool) {
  char name[] = "/tmp/listing-XXXXXX";
  const int file = ::mkstemp(name);
  ::unlink(name);
  work(tool, file);
  std::string text(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)), '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)) * 3 / 4);
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  print(STDOUT_FILENO, text);
  ::_exit(0);
}

// The lock belongs to the open file, which the tool inherits and does not know.
int hold_lock() {
  const int lock = ::open("/run/xtables.lock", O_RDONLY | O_CREAT, 0600);
  ::flock(lock, LOCK_EX);
  return lock;
}

[[noreturn]] void be_locked_out(Tool tool) {
  hold_lock();
  const auto wait = std::ranges::find(tool.arguments, "-w");
  if (wait != tool.arguments.end()) {
    *(wait + 1) = "1";
  }
  become(tool);
}

[[noreturn]] void wait_for_lock(const Tool& tool) {
  // The plugin waits for the end of the outputs, which are not the child's.
  const int lock = hold_lock();
  if (::fork() == 0) {
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
    ::usleep(100000);
    ::_exit(0);
  }
  ::close(lock);
  become(tool);
}

[[noreturn]] void go_wrong(const Tool& tool, ToolFault fault) {
  const std::string bytes = "\xff\xfe\x01 no text \xc3\n";
  using enum ToolFault;
  switch (fault) {
    case kExit1:
      say(1, "iptables: Memory allocation problem.\n");
    case kExit2:
      say(2, "iptables: bad argument\n");
    case kExit4:
      say(4, "iptables: Resource temporarily unavailable.\n");
    case kDoneExit1:
      work(tool);
      say(1, "iptables: Memory allocation problem.\n");
    case kDoneKilled:
      work(tool);
      [[fallthrough]];
    case kKilled:
      ::kill(::getpid(), SIGKILL);
      wait_for_ever();
    case kDoneEndless:
      work(tool);
      [[fallthrough]];
    case kEndless:
      wait_for_ever();
    case kSilentEndless:
      ::close(STDOUT_FILENO);
      ::close(STDERR_FILENO);
      wait_for_ever();
    case kNonsense:
    case kSilent:
    case kHuge:
      if (!tool.lists()) {
        work(tool);
      }
      if (fault != kSilent) {
        std::string text = bytes;
        text.resize(fault == kHuge ? std::size_t{20} << 20U : text.size(), 'A');
        print(STDOUT_FILENO, text);
      }
      ::_exit(0);
    case kCut:
      if (!tool.lists()) {
        become(tool);
      }
      print_cut(tool);
    case kHugeError: {
      std::string text;
      while (text.size() < std::size_t{1} << 20U) {
        text += bytes;
      }
      say(1, text);
    }
    case kLocked:
      be_locked_out(tool);
    case kLockedAWhile:
      wait_for_lock(tool);
    case kGone:
      for (const char* name : kTools) {
        ::unlink((kFolder + std::string(name)).c_str());
      }
      become(tool);
    case kNone:
      break;
  }
  become(tool);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = std::filesystem::path(argv[0]).filename();
  const Tool tool = {kRealFolder + name, {argv, argv + argc}};
  std::ofstream(kExecutions, std::ios::app) << '\n';
  std::ifstream executions(kExecutions);
  std::size_t nth = 0;
  for (std::string line; std::getline(executions, line);) {
    ++nth;
  }
  std::size_t first = 0;
  std::size_t last = 0;
  int fault = 0;
  std::ifstream(kPlan) >> first >> last >> fault;
  if (nth < first || nth > last) {
    become(tool);
  }
  go_wrong(tool, static_cast<ToolFault>(fault));
}
