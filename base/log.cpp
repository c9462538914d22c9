#include "base/log.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "base/text.h"

namespace linnet {

namespace {

std::string_view log_name = "linnet";

void write_line(std::string_view level, std::string_view message) {
  std::string line = concat(log_name, ": ", level, message);
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void set_log_name(std::string_view name) { log_name = name; }

LogName::LogName(std::string_view name) : before_(std::exchange(log_name, name)) {}

LogName::~LogName() { log_name = before_; }

void log_warning(std::string_view message) { write_line("warning: ", message); }

void log_info(std::string_view message) { write_line("", message); }

}  // namespace linnet
