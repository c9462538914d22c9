// Messages for people, on stderr: stdout belongs to the protocol.
#pragma once

#include <string_view>

namespace linnet {

// The program's CNI name, put in front of every message. `name` must outlive the program's logging.
void set_log_name(std::string_view name);

// Another name while it lives, for code that stands in for another program.
class LogName {
 public:
  explicit LogName(std::string_view name);
  LogName(const LogName&) = delete;
  LogName& operator=(const LogName&) = delete;
  ~LogName();

 private:
  std::string_view before_;
};

// One line "name: warning: message", in one write(2), so that lines of concurrent plugins on a shared
// stderr do not mix. Errors of writing are ignored: there is nobody left to tell.
void log_warning(std::string_view message);
void log_info(std::string_view message);

}  // namespace linnet
