#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "cnitool/command_line.h"

int main(int count, char** values) {
  linnet::set_log_name("cnitool");
  linnet::cnitool::Output output;
  const std::span<const char* const> arguments(values, static_cast<std::size_t>(count));
  int exit_code = linnet::cnitool::run(arguments, linnet::cni::process_environment, output);
  try {
    linnet::write_all(STDOUT_FILENO, output.out, "stdout");
  } catch (const linnet::SystemError& error) {
    linnet::log_warning(error.what());
    exit_code = linnet::cnitool::kFailed;
  }
  if (!output.err.empty()) {
    // Nobody can be told that stderr cannot be written.
    [[maybe_unused]] const ssize_t written =
        ::write(STDERR_FILENO, output.err.data(), output.err.size());
  }
  return exit_code;
}
