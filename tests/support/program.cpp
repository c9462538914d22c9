#include "tests/support/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace linnet::test {

namespace {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw SystemError(errno, "make a pipe");
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// This process's environment with `overrides` on top.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& overrides) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (!overrides.contains(std::string(variable.substr(0, variable.find('='))))) {
      variables.emplace_back(variable);
    }
  }
  for (const auto& [name, value] : overrides) {
    variables.push_back(concat(name, "=", value));
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

// Another thread may hold the allocator's lock when this process forks: the child allocates nothing.
[[noreturn]] void become(char* const* arguments, char* const* environment,
                         const std::array<int, 3>& streams) {
  ::signal(SIGPIPE, SIG_DFL);
  for (int fd = 0; fd < 3; ++fd) {
    ::dup2(streams[static_cast<std::size_t>(fd)], fd);
  }
  ::execvpe(arguments[0], arguments, environment);
  ::_exit(127);
}

void feed(UniqueFd& fd, std::string& input) {
  const ssize_t written = ::write(fd.get(), input.data(), input.size());
  input.erase(0, written > 0 ? static_cast<std::size_t>(written) : input.size());
  if (input.empty()) {
    fd.reset();
  }
}

void drain(UniqueFd& fd, std::string& into) {
  std::array<char, 65536> chunk{};
  const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
  if (got <= 0) {
    fd.reset();
    return;
  }
  into.append(chunk.data(), static_cast<std::size_t>(got));
}

}  // namespace

cni::Json ProgramOutput::json() const {
  return cni::Json::parse(standard_output, nullptr, false).is_discarded()
             ? cni::Json()
             : cni::Json::parse(standard_output);
}

ProgramOutput run_program(const std::vector<std::string>& arguments, const std::string& input,
                          const std::map<std::string, std::string>& environment) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  std::vector<std::string> argument_texts = arguments;
  std::vector<std::string> variables = environment_with(environment);
  const std::vector<char*> argv = pointers(argument_texts);
  const std::vector<char*> envp = pointers(variables);
  const pid_t child = ::fork();
  if (child == 0) {
    become(argv.data(), envp.data(), {in.read_end.get(), out.write_end.get(), err.write_end.get()});
  }
  in.read_end.reset();
  out.write_end.reset();
  err.write_end.reset();
  std::string rest = input;
  if (rest.empty()) {
    in.write_end.reset();
  }
  ProgramOutput output;
  while (in.write_end || out.read_end || err.read_end) {
    std::array<pollfd, 3> waits = {pollfd{in.write_end.get(), POLLOUT, 0},
                                   pollfd{out.read_end.get(), POLLIN, 0},
                                   pollfd{err.read_end.get(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), -1);
    if (waits[0].revents != 0) {
      feed(in.write_end, rest);
    }
    if (waits[1].revents != 0) {
      drain(out.read_end, output.standard_output);
    }
    if (waits[2].revents != 0) {
      drain(err.read_end, output.standard_error);
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

std::string must_run(const std::vector<std::string>& arguments) {
  const ProgramOutput output = run_program(arguments);
  EXPECT_EQ(output.exit_code, 0) << join(arguments, " ") << "\n" << output.standard_error;
  return output.standard_output;
}

bool has_program(const std::string& name) {
  for (const std::string& folder : split(std::getenv("PATH"), ':')) {
    if (::access(concat(folder, "/", name).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace linnet::test
