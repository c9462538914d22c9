// Kernel parameters of the network namespace the calling thread is in.
// Source: sysctl(8), Documentation/networking/ip-sysctl.rst.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linnet::netlink {

// Names are paths below /proc/sys with slashes ("net/ipv4/ip_forward"), put together by the caller from
// checked parts. A sysctl whose interface or protocol is absent is absent, not an error.

// Without the newline at the end.
[[nodiscard]] std::optional<std::string> find_sysctl(const std::string& name);

// Returns false when there is no such sysctl. Throws SystemError that names sysctl and value.
bool write_sysctl_if_present(const std::string& name, std::string_view value);

// Writes only when the value differs: reading does not need the permission that writing does, so a
// read-only /proc/sys with the right value is no error. Throws SystemError, ENOENT included.
void ensure_sysctl(const std::string& name, std::string_view value);

// What came of an attempt to give a sysctl a value.
struct SysctlChange {
  enum class Outcome {
    kWritten,
    kUnchanged,  // had the value
    kAbsent,
    kReadOnly,  // for root, too: EACCES of the entry, EROFS of the mount
    kRefused,   // the value
  };
  Outcome outcome = Outcome::kWritten;
  int error = 0;                      // errno of the last three
  std::optional<std::string> before;  // absent when it cannot be read
  std::optional<std::string> after;   // what the kernel made of a written value
};

// Never throws for what the kernel says. A write may be taken in part without an error ("2 3" where one
// number is expected): compare `after`.
[[nodiscard]] SysctlChange change_sysctl(const std::string& name, std::string_view value);

[[nodiscard]] bool sysctl_exists(const std::string& name);
// As root sees it: the kernel gives root no right that the entry's mode does not.
[[nodiscard]] bool sysctl_is_writable(const std::string& name);

}  // namespace linnet::netlink
