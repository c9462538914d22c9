// Sockets between the namespaces of a host.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "rig/host.h"

namespace linnet::rig {

struct Path {
  std::string client;  // names of namespaces
  std::string server;
  IpAddress address;  // of the server
};

// A connection whose ends are in the path's two namespaces.
struct Connection {
  UniqueFd client;
  UniqueFd server;
};
// TCP without Nagle's algorithm. Throws SystemError; ETIMEDOUT when the server's side cannot be reached within
// two seconds.
[[nodiscard]] Connection connect_tcp(const Host& host, const Path& path);
// Connected UDP, the server to the address that it sees the client under. Throws SystemError, as above.
[[nodiscard]] Connection connect_udp(const Host& host, const Path& path);

// A TCP socket that listens on every address of the path's server; the port in network order.
struct Listener {
  UniqueFd socket;
  std::uint16_t port = 0;
};
[[nodiscard]] Listener listen_tcp(const Host& host, const Path& path);
// The client's end of a connection to it. The calling thread is in the client's namespace.
[[nodiscard]] UniqueFd connect_to(const Path& path, std::uint16_t port);

// Sends and receives one byte. Throws SystemError; EAGAIN when nothing has come for two seconds.
void exchange_byte(int socket);

// What the kernel says of one connection. Source: tcp(7), linux/tcp.h.
struct FlowInfo {
  std::uint32_t retransmits = 0;  // segments, since it was opened
  std::uint32_t reord_seen = 0;   // times that the sender saw reordering
  std::uint32_t dsack_dups = 0;   // segments that the receiver had already
  std::uint32_t rtt_us = 0;
  std::uint32_t cwnd = 0;  // segments
};
[[nodiscard]] FlowInfo flow_info(int socket);

}  // namespace linnet::rig
