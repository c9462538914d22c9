// Network namespaces.
// Source: network_namespaces(7), ioctl_ns(2), SIOCGSKNS of <linux/sockios.h>.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "netlink/route_socket.h"

namespace linnet::netlink {

// An open network namespace, kept alive by the descriptor.
class Netns {
 public:
  // The namespace at `path` (a bind mount, /proc/PID/ns/net, /proc/PID/fd/N). Absent when the path is empty,
  // there is nothing at it, or something that is no namespace any more: an unmounted mount point is an
  // empty regular file. Throws SystemError for a path that cannot be examined.
  [[nodiscard]] static std::optional<Netns> find(const std::string& path);
  // As find(), but absence is a SystemError that says what is at the path instead.
  [[nodiscard]] static Netns open(const std::string& path);
  // The namespace of the calling thread.
  [[nodiscard]] static Netns current();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Whether this namespace is the one at `path`; false for a path that cannot be examined.
  [[nodiscard]] bool is_at(const std::string& path) const;

  // Runs `action` with the calling thread inside the namespace `inside`, then returns to this one. The
  // process is ended at once when it cannot return: nothing may run in the wrong namespace.
  void run_inside(const Netns& inside, const std::function<void()>& action) const;

 private:
  explicit Netns(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// A container's namespace with the one rtnetlink socket that is used in it.
class Sandbox {
 public:
  // `host` is the namespace the process runs in and returns to. `prepare` runs inside, right after
  // the socket is opened: for what only a thread inside can do, such as writing sysctls. Throws
  // SystemError.
  Sandbox(const Netns& host, Netns netns, const std::function<void()>& prepare = {});

  [[nodiscard]] RouteSocket& socket() { return *socket_; }
  [[nodiscard]] const Netns& netns() const { return netns_; }
  // Runs `action` inside once more.
  void run(const std::function<void()>& action) const { host_.run_inside(netns_, action); }

 private:
  const Netns& host_;
  Netns netns_;
  std::optional<RouteSocket> socket_;
};

}  // namespace linnet::netlink
