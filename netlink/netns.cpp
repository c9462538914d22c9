#include "netlink/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdlib>
#include <exception>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace linnet::netlink {

namespace {

constexpr int kReturnTries = 5;

struct Examined {
  UniqueFd fd;          // of a network namespace, or nothing
  std::string problem;  // why there is no namespace
  int error = 0;
};

Examined examine(const std::string& path) {
  // Without blocking: a planted FIFO must not hang the plugin.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    return {{}, errno_text(errno), errno};
  }
  struct statfs file_system {};
  // What cannot be examined is not gone: DEL would leave what is in it.
  if (::fstatfs(fd.get(), &file_system) != 0) {
    return {{}, errno_text(errno), errno};
  }
  if (file_system.f_type != NSFS_MAGIC) {
    return {{}, "not a namespace (the file is of another file system)", EINVAL};
  }
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (type < 0) {
    return {{}, errno_text(errno), errno};
  }
  if (type != CLONE_NEWNET) {
    return {{}, "a namespace, but not a network namespace", EINVAL};
  }
  return {std::move(fd), {}, 0};
}

}  // namespace

std::optional<Netns> Netns::find(const std::string& path) {
  Examined examined = examine(path);
  if (examined.fd) {
    return Netns(std::move(examined.fd));
  }
  // A process that ended gives ESRCH or ENOENT; anything that is not a namespace counts as gone.
  if (examined.error == ENOENT || examined.error == ENOTDIR || examined.error == ESRCH ||
      examined.error == EINVAL || examined.error == ENXIO) {
    return std::nullopt;
  }
  throw SystemError(examined.error, concat("open network namespace ", path));
}

Netns Netns::open(const std::string& path) {
  Examined examined = examine(path);
  if (!examined.fd) {
    if (examined.error == EINVAL) {
      throw SystemError(EINVAL, concat("open network namespace ", path, ": ", examined.problem));
    }
    throw SystemError(examined.error, concat("open network namespace ", path));
  }
  return Netns(std::move(examined.fd));
}

Netns Netns::current() { return Netns(open_file("/proc/thread-self/ns/net", O_RDONLY)); }

void Netns::run_inside(const Netns& inside, const std::function<void()>& action) const {
  if (::setns(inside.fd(), CLONE_NEWNET) != 0) {
    throw SystemError(errno, "enter the container's network namespace");
  }
  std::exception_ptr failure;
  try {
    action();
  } catch (...) {
    failure = std::current_exception();
  }
  // The kernel may be short of memory for a moment.
  int tries = kReturnTries;
  while (::setns(fd(), CLONE_NEWNET) != 0) {
    if (errno == ENOMEM && --tries > 0) {
      continue;
    }
    log_warning(concat("cannot return to the host's network namespace: ", errno_text(errno)));
    std::abort();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

Sandbox::Sandbox(const Netns& host, Netns netns, const std::function<void()>& prepare)
    : host_(host), netns_(std::move(netns)) {
  run([&] {
    socket_.emplace();
    if (prepare) {
      prepare();
    }
  });
}

}  // namespace linnet::netlink
