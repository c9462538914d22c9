// The rig's own hosts: network namespaces with containers that the real plugins attach.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/runtime.h"
#include "netlink/netns.h"

namespace linnet::rig {

// Addresses of the host's uplink and of the outside behind it.
inline constexpr const char* kUplinkAddress = "192.0.2.1";
inline constexpr const char* kOutsideAddress = "192.0.2.9";

struct HostOptions {
  std::vector<std::string> plugin_path;
  std::string name = {};  // empty: the namespace that the calling thread is in
  std::string uplink = "up0";
};

// To be made after enter_private_namespaces(). Network names and names of containers must not be the same on
// two hosts with names of their own, since the plugins' files are shared; names of the outside may.
class Host {
 public:
  // Throws SystemError.
  explicit Host(HostOptions options);

  // A namespace beyond the host's uplink, 192.0.2.9, that knows no way back to the containers.
  void make_outside(const std::string& name);
  // Lets the namespace reach an address through the host.
  void add_route(const std::string& from, const IpAddress& to) const;
  // A namespace that the plugins of `list` attach as eth0; its first address. Throws cni::Error.
  IpAddress attach(const std::string& name, const cni::NetworkList& list);
  // Of the host's end of a container's pair.
  [[nodiscard]] std::string host_link(const std::string& name) const;

  // Runs `action` with the calling thread in that namespace; "" is the host's.
  void inside(const std::string& name, const std::function<void()>& action) const;

 private:
  [[nodiscard]] std::string full_name(const std::string& name) const;

  HostOptions options_;
  netlink::Netns home_;  // where the calling thread returns to
  netlink::Netns own_;
  cni::Runtime runtime_;
  std::map<std::string, netlink::Netns> namespaces_;
  std::map<std::string, std::string> host_links_;
};

}  // namespace linnet::rig
