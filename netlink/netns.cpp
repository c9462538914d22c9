#include "netlink/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

// A new socket knows its namespace. The way through /proc, for whom the kernel does not tell (it wants
// CAP_NET_ADMIN), takes five times as long: the files of a new process are made when they are looked up.
Netns Netns::current() {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  UniqueFd fd(socket ? ::ioctl(socket.get(), SIOCGSKNS) : -1);
  return Netns(fd ? std::move(fd) : open_file("/proc/thread-self/ns/net", O_RDONLY));
}

bool Netns::is_at(const std::string& path) const {
  struct stat own {};
  struct stat there {};
  return ::stat(path.c_str(), &there) == 0 && ::fstat(fd(), &own) == 0 &&
         there.st_dev == own.st_dev && there.st_ino == own.st_ino;
}

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
