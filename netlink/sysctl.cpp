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

}  // namespace

std::optional<std::string> find_sysctl(const std::string& name) {
  const UniqueFd fd(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    throw SystemError(errno, concat("read sysctl ", name));
  }
  // A sysctl comes whole in one read and ends there.
  char value[512];
  const ssize_t got = ::read(fd.get(), value, sizeof value);
  if (got < 0) {
    throw SystemError(errno, concat("read sysctl ", name));
  }
  return std::string(trim({value, static_cast<std::size_t>(got)}));
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

void ensure_sysctl(const std::string& name, std::string_view value) {
  if (find_sysctl(name) == value) {
    return;
  }
  if (!write_sysctl_if_present(name, value)) {
    throw SystemError(ENOENT, concat("set sysctl ", name, " to ", value));
  }
}

}  // namespace linnet::netlink
