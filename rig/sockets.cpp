#include "rig/sockets.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "rig/namespaces.h"

namespace linnet::rig {

namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  // At the same place in an address of IPv6.
  [[nodiscard]] std::uint16_t port() const {
    return reinterpret_cast<const sockaddr_in&>(storage).sin_port;
  }
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress result;
  if (address.is_ipv4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    std::memcpy(&v4.sin_addr, address.bytes().data(), 4);
    result.size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = port;
    std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
    result.size = sizeof v6;
  }
  return result;
}

UniqueFd make_socket(const IpAddress& address, int type) {
  UniqueFd socket(::socket(address.is_ipv4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
  require(socket.get() >= 0, "make a socket");
  return socket;
}

// A path that swallows packets must not hold up the run for the kernel's two minutes.
void limit_waiting(int socket) {
  const timeval limit{.tv_sec = 2, .tv_usec = 0};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    require(::setsockopt(socket, SOL_SOCKET, option, &limit, sizeof limit) == 0, "set a timeout");
  }
}

void connect_socket(int socket, const Path& path, std::uint16_t port) {
  SocketAddress to = socket_address(path.address, port);
  if (::connect(socket, to.raw(), to.size) != 0) {
    throw SystemError(errno == EINPROGRESS ? ETIMEDOUT : errno,
                      concat("connect from ", path.client.empty() ? "the host" : path.client,
                             " to ", path.address.text()));
  }
}

// Bound to a free port, which is returned.
std::uint16_t bind_socket(int socket, const Path& path) {
  SocketAddress any = socket_address(IpAddress::unspecified(path.address.family()), 0);
  require(::bind(socket, any.raw(), any.size) == 0, "bind");
  require(::getsockname(socket, any.raw(), &any.size) == 0, "ask for the port");
  return any.port();
}

void send_at_once(int socket) {
  const int on = 1;
  require(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

}  // namespace

Listener listen_tcp(const Host& host, const Path& path) {
  Listener listener;
  host.inside(path.server, [&] {
    listener.socket = make_socket(path.address, SOCK_STREAM);
    listener.port = bind_socket(listener.socket.get(), path);
    require(::listen(listener.socket.get(), 128) == 0, "listen");
  });
  return listener;
}

UniqueFd connect_to(const Path& path, std::uint16_t port) {
  UniqueFd socket = make_socket(path.address, SOCK_STREAM);
  limit_waiting(socket.get());
  send_at_once(socket.get());
  connect_socket(socket.get(), path, port);
  return socket;
}

Connection connect_tcp(const Host& host, const Path& path) {
  const Listener listener = listen_tcp(host, path);
  Connection connection;
  host.inside(path.client, [&] { connection.client = connect_to(path, listener.port); });
  connection.server.reset(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  require(connection.server.get() >= 0, "accept");
  send_at_once(connection.server.get());
  return connection;
}

Connection connect_udp(const Host& host, const Path& path) {
  Connection connection;
  std::uint16_t port = 0;
  host.inside(path.server, [&] {
    connection.server = make_socket(path.address, SOCK_DGRAM);
    port = bind_socket(connection.server.get(), path);
  });
  host.inside(path.client, [&] {
    connection.client = make_socket(path.address, SOCK_DGRAM);
    limit_waiting(connection.client.get());
    connect_socket(connection.client.get(), path, port);
  });
  limit_waiting(connection.server.get());
  char byte = 'x';
  require(::send(connection.client.get(), &byte, 1, 0) == 1, "send a datagram");
  SocketAddress from;
  from.size = sizeof from.storage;
  require(::recvfrom(connection.server.get(), &byte, 1, 0, from.raw(), &from.size) == 1,
          concat("receive a datagram at ", path.address.text()));
  require(::connect(connection.server.get(), from.raw(), from.size) == 0,
          "connect a datagram socket");
  const timeval for_ever{};
  require(::setsockopt(connection.server.get(), SOL_SOCKET, SO_RCVTIMEO, &for_ever,
                       sizeof for_ever) == 0,
          "set a timeout");
  return connection;
}

void exchange_byte(int socket) {
  char byte = 'x';
  require(::send(socket, &byte, 1, MSG_NOSIGNAL) == 1, "send a byte");
  const ssize_t size = ::recv(socket, &byte, 1, 0);
  require(size >= 0, "receive the answer");
  if (size == 0) {
    throw SystemError(ECONNRESET, "receive the answer");
  }
}

FlowInfo flow_info(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  require(::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0, "ask for TCP_INFO");
  return {.retransmits = info.tcpi_total_retrans,
          .reord_seen = info.tcpi_reord_seen,
          .dsack_dups = info.tcpi_dsack_dups,
          .rtt_us = info.tcpi_rtt,
          .cwnd = info.tcpi_snd_cwnd};
}

}  // namespace linnet::rig
