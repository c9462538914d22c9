#include "rig/host.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "netlink/sysctl.h"

namespace linnet::rig {

namespace {

void require(bool done, std::string_view what) {
  if (!done) {
    throw SystemError(errno, what);
  }
}

void mount_private(const char* path, const char* type) {
  require(::mount(type, path, type, MS_NOSUID | MS_NODEV, nullptr) == 0,
          concat("mount ", type, " on ", path));
}

void bring_up(netlink::RouteSocket& socket, const std::string& name, const char* address) {
  netlink::Batch batch;
  const netlink::Link link = socket.get_link(name);
  netlink::change_link(batch, {.index = link.index, .name = name, .up = true});
  if (address != nullptr) {
    netlink::add_address(batch, link.index, Cidr::parse(address).value(), name);
  }
  socket.execute(batch);
}

netlink::Netns enter_own_host() {
  require(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "make namespaces (root is needed)");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  mount_private("/sys", "sysfs");
  mount_private("/run", "tmpfs");
  ensure_directory("/var/lib/cni", 0755);
  mount_private("/var/lib/cni", "tmpfs");
  ensure_directory("/run/netns", 0755);
  netlink::RouteSocket socket;
  bring_up(socket, "lo", nullptr);
  netlink::ensure_sysctl("net/ipv4/ip_forward", "1");
  return netlink::Netns::current();
}

}  // namespace

Host::Host(std::vector<std::string> plugin_path)
    : own_(enter_own_host()), runtime_({.plugin_path = std::move(plugin_path)}) {}

// Kept by a mount, as a runtime does it.
netlink::Netns Host::make_namespace(const std::string& name) {
  const std::string path = concat("/run/netns/", name);
  { const UniqueFd file = open_file(path, O_RDONLY | O_CREAT | O_EXCL, 0444); }
  require(::unshare(CLONE_NEWNET) == 0, "make a container's namespace");
  const bool kept =
      ::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0;
  const int error = errno;
  netlink::RouteSocket socket;
  bring_up(socket, "lo", nullptr);
  require(::setns(own_.fd(), CLONE_NEWNET) == 0, "go back to the host's namespace");
  errno = error;
  require(kept, concat("mount ", path));
  return netlink::Netns::open(path);
}

void Host::make_outside(const std::string& name) {
  const netlink::Netns netns = make_namespace(name);
  netlink::RouteSocket socket;
  netlink::Batch batch;
  netlink::create_veth(
      batch, {.name = "up0",
              .mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 1, 1, 1, 1, 1}),
              .peer_name = "eth0",
              .peer_mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 1, 1, 1, 1, 2}),
              .peer_netns = netns.fd()});
  socket.execute(batch);
  own_.run_inside(netns, [] {
    netlink::RouteSocket there;
    bring_up(there, "eth0", "192.0.2.9/24");
  });
  bring_up(socket, "up0", "192.0.2.1/24");
  namespaces_.emplace(name, netlink::Netns::open(concat("/run/netns/", name)));
}

IpAddress Host::attach(const std::string& name, const cni::NetworkList& list) {
  namespaces_.emplace(name, make_namespace(name));
  const cni::Result result = runtime_.add(
      list, {.container_id = name, .netns = concat("/run/netns/", name), .ifname = "eth0"});
  for (const cni::Interface& interface : result.interfaces) {
    if (interface.sandbox.empty() && interface.name.starts_with("veth")) {
      host_links_[name] = interface.name;
    }
  }
  if (result.ips.empty()) {
    throw cni::Error(cni::Code::kInternal, concat("network ", list.name, " gave no address"));
  }
  return result.ips.front().address.address();
}

std::string Host::host_link(const std::string& name) const {
  const auto found = host_links_.find(name);
  return found == host_links_.end() ? "" : found->second;
}

void Host::inside(const std::string& name, const std::function<void()>& action) const {
  if (name.empty()) {
    action();
  } else {
    own_.run_inside(namespaces_.at(name), action);
  }
}

}  // namespace linnet::rig
