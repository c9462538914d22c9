// Namespaces that are gone when the process is, however it ends: nothing else holds them.
#pragma once

#include <string>
#include <string_view>

#include "netlink/netns.h"

namespace linnet::rig {

// Throws SystemError with errno unless `done`.
void require(bool done, std::string_view what);

// Moves the calling thread, the only one of the process, into new network and mount namespaces with private
// /run, /var/lib/cni and /sys. Throws SystemError, EPERM for who is not root.
void enter_private_namespaces();

// A network namespace with lo up, kept by a mount at /run/netns/NAME as a runtime does it; the calling thread
// stays where it is. Throws SystemError.
[[nodiscard]] netlink::Netns make_namespace(const std::string& name);
[[nodiscard]] std::string path_of_namespace(std::string_view name);

// A veth pair whose MAC addresses are always the same, `name` in the namespace that the calling thread is in.
struct Uplink {
  std::string name;
  std::string peer_name;
  int peer_netns = -1;  // descriptor; -1: the same namespace
};
void make_uplink(const Uplink& uplink);

// Sets a link of the calling thread's namespace up, with an address (CIDR) unless it is empty.
void bring_up(const std::string& name, const std::string& address = {});

}  // namespace linnet::rig
