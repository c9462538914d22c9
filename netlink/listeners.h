// Sockets of this host that wait for somebody to speak first.
// Source: sock_diag(7), linux/inet_diag.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "netlink/conversation.h"

namespace linnet::netlink {

struct Listener {
  IpAddress address;           // unspecified: every local address
  bool both_families = false;  // "::" that takes IPv4, too
  std::uint8_t protocol = 0;   // IPPROTO_*
  std::uint16_t port = 0;
  std::uint32_t inode = 0;

  // Whether a packet to `destination` (unspecified: any local address of its family) may be for it.
  [[nodiscard]] bool takes(const IpAddress& destination) const;
};

class ListenerSocket {
 public:
  // In the namespace the calling thread is in. Throws SystemError.
  ListenerSocket();

  // TCP and SCTP sockets that listen, UDP sockets that are bound and not connected. Empty where the kernel
  // cannot list sockets of that protocol. Cost: two dumps. Throws Error.
  [[nodiscard]] std::vector<Listener> list(std::uint8_t protocol);

 private:
  Socket socket_;
};

struct ProcessName {
  pid_t pid = 0;
  std::string name;
};

// A process that has the socket open. Absent when it is out of sight: in another PID namespace, or of the
// kernel. Cost: a look at every descriptor of every process.
[[nodiscard]] std::optional<ProcessName> find_process_with_socket(std::uint32_t inode);

}  // namespace linnet::netlink
