// The rig's own host: this process in network and mount namespaces of its own, with containers that the
// real plugins attach. All of it is gone when the process is, however it ends: nothing else holds the
// namespaces.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/runtime.h"
#include "netlink/netns.h"

namespace linnet::rig {

class Host {
 public:
  // Moves the calling thread, the only one of the process, into new namespaces with private /run, /var/lib/cni
  // and /sys. Plugins come from `plugin_path`. Throws SystemError, EPERM for who is not root.
  explicit Host(std::vector<std::string> plugin_path);

  // A namespace beyond the host's interface up0, 192.0.2.9, that knows no way back to the containers.
  void make_outside(const std::string& name);
  // A namespace that the plugins of `list` attach as eth0; its first address. Throws cni::Error.
  IpAddress attach(const std::string& name, const cni::NetworkList& list);
  // Of the host's end of a container's pair.
  [[nodiscard]] std::string host_link(const std::string& name) const;

  // Runs `action` with the calling thread in that namespace; "" is the host's.
  void inside(const std::string& name, const std::function<void()>& action) const;

 private:
  netlink::Netns make_namespace(const std::string& name);

  netlink::Netns own_;
  cni::Runtime runtime_;
  std::map<std::string, netlink::Netns> namespaces_;
  std::map<std::string, std::string> host_links_;
};

}  // namespace linnet::rig
