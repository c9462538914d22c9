#include "netlink/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::netlink {

namespace {

std::string path_of(const std::string& name) { return concat("/proc/sys/", name); }

// A sysctl comes whole in one read from its start and ends there. Absent with errno set when it cannot
// be read.
std::optional<std::string> read_value(int fd) {
  char brief[512];
  ssize_t got = ::pread(fd, brief, sizeof brief, 0);
  if (got < 0) {
    return std::nullopt;
  }
  if (static_cast<std::size_t>(got) < sizeof brief) {
    return std::string(trim({brief, static_cast<std::size_t>(got)}));
  }
  // Lists of ports have up to 64 KiB.
  std::string value(std::size_t{128} << 10U, '\0');
  got = ::pread(fd, value.data(), value.size(), 0);
  if (got < 0) {
    return std::nullopt;
  }
  return std::string(trim({value.data(), static_cast<std::size_t>(got)}));
}

using Outcome = SysctlChange::Outcome;

SysctlChange change_open(int fd, std::string_view value) {
  SysctlChange change;
  change.before = read_value(fd);
  if (change.before == value) {
    change.outcome = Outcome::kUnchanged;
    return change;
  }
  // With its newline the empty value is a value, too: the empty list.
  const std::string line = concat(value, '\n');
  if (::pwrite(fd, line.data(), line.size(), 0) < 0) {
    change.outcome = Outcome::kRefused;
    change.error = errno;
    return change;
  }
  change.outcome = Outcome::kWritten;
  change.after = read_value(fd);
  return change;
}

// The entry cannot be opened for reading and writing.
SysctlChange change_restricted(const std::string& name, std::string_view value, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return {.outcome = Outcome::kAbsent, .error = ENOENT, .before = {}, .after = {}};
  }
  if (error == EACCES) {
    // A trigger, such as net/ipv4/route/flush, can be written but not read.
    const UniqueFd fd(::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC));
    if (fd) {
      return change_open(fd.get(), value);
    }
  }
  if (error == EROFS && find_sysctl(name) == value) {
    return {.outcome = Outcome::kUnchanged, .error = 0, .before = std::string(value), .after = {}};
  }
  const bool read_only = error == EACCES || error == EROFS;
  return {.outcome = read_only ? Outcome::kReadOnly : Outcome::kRefused,
          .error = error,
          .before = {},
          .after = {}};
}

}  // namespace

std::optional<std::string> find_sysctl(const std::string& name) {
  const UniqueFd fd(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    throw SystemError(errno, concat("read sysctl ", name));
  }
  std::optional<std::string> value = read_value(fd.get());
  if (!value) {
    throw SystemError(errno, concat("read sysctl ", name));
  }
  return value;
}

bool write_sysctl_if_present(const std::string& name, std::string_view value) {
  const UniqueFd fd(::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    return false;
  }
  if (!fd || ::write(fd.get(), value.data(), value.size()) < 0) {
    throw SystemError(errno, concat("set sysctl ", name, " to ", value));
  }
  return true;
}

SysctlChange change_sysctl(const std::string& name, std::string_view value) {
  const UniqueFd fd(::open(path_of(name).c_str(), O_RDWR | O_CLOEXEC));
  return fd ? change_open(fd.get(), value) : change_restricted(name, value, errno);
}

bool sysctl_exists(const std::string& name) {
  return ::faccessat(AT_FDCWD, path_of(name).c_str(), F_OK, AT_EACCESS) == 0;
}

bool sysctl_is_writable(const std::string& name) {
  return ::faccessat(AT_FDCWD, path_of(name).c_str(), W_OK, AT_EACCESS) == 0;
}

void ensure_sysctl(const std::string& name, std::string_view value) {
  if (find_sysctl(name) == value) {
    return;
  }
  if (!write_sysctl_if_present(name, value)) {
    throw SystemError(ENOENT, concat("set sysctl ", name, " to ", value));
  }
}

}  // namespace linnet::netlink
