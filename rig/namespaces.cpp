#include "rig/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::rig {

namespace {

void mount_private(const char* path, const char* type) {
  require(::mount(type, path, type, MS_NOSUID | MS_NODEV, nullptr) == 0,
          concat("mount ", type, " on ", path));
}

}  // namespace

void require(bool done, std::string_view what) {
  if (!done) {
    throw SystemError(errno, what);
  }
}

void bring_up(const std::string& name, const std::string& address) {
  netlink::RouteSocket socket;
  netlink::Batch batch;
  const netlink::Link link = socket.get_link(name);
  netlink::change_link(batch, {.index = link.index, .name = name, .up = true});
  if (!address.empty()) {
    netlink::add_address(batch, link.index, Cidr::parse(address).value(), name);
  }
  socket.execute(batch);
}

void enter_private_namespaces() {
  require(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "make namespaces (root is needed)");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  mount_private("/sys", "sysfs");
  mount_private("/run", "tmpfs");
  ensure_directory("/var/lib/cni", 0755);
  mount_private("/var/lib/cni", "tmpfs");
  ensure_directory("/run/netns", 0755);
  bring_up("lo");
}

std::string path_of_namespace(std::string_view name) { return concat("/run/netns/", name); }

netlink::Netns make_namespace(const std::string& name) {
  const std::string path = path_of_namespace(name);
  { const UniqueFd file = open_file(path, O_RDONLY | O_CREAT | O_EXCL, 0444); }
  const netlink::Netns home = netlink::Netns::current();
  require(::unshare(CLONE_NEWNET) == 0, "make a namespace");
  const bool kept =
      ::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0;
  const int error = errno;
  bring_up("lo");
  require(::setns(home.fd(), CLONE_NEWNET) == 0, "go back to the namespace before");
  errno = error;
  require(kept, concat("mount ", path));
  return netlink::Netns::open(path);
}

void make_uplink(const Uplink& uplink) {
  netlink::Batch batch;
  netlink::create_veth(
      batch, {.name = uplink.name,
              .mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 1, 1, 1, 1, 1}),
              .peer_name = uplink.peer_name,
              .peer_mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 1, 1, 1, 1, 2}),
              .peer_netns = uplink.peer_netns});
  netlink::RouteSocket().execute(batch);
}

}  // namespace linnet::rig
