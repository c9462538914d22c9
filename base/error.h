// The error of a system call. Errors of the CNI protocol and of netlink derive further up.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace linnet {

// "no such file or directory" and so on, lower case, from a fixed table: strerror(3) without locale.
[[nodiscard]] std::string errno_text(int code);

// Whether an errno is of this process or machine at this moment (EMFILE, ENFILE, ENOMEM, ENOBUFS, EINTR, EAGAIN), and so says
// nothing about what was asked for: that is neither there nor gone.
[[nodiscard]] bool is_shortage(int code);

// A system call that failed: what was tried with which values, and errno.
class SystemError : public std::runtime_error {
 public:
  // `what` says what was tried ("open /run/netns/x"); the text of `code` is appended.
  SystemError(int code, std::string_view what);

  // errno, always positive.
  [[nodiscard]] int code() const { return code_; }

 protected:
  struct Verbatim {};
  SystemError(Verbatim, int code, const std::string& message)
      : std::runtime_error(message), code_(code) {}

 private:
  int code_;
};

}  // namespace linnet
