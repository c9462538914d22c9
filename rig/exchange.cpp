#include "rig/exchange.h"

#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "rig/traffic.h"

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

void answer(int socket, unsigned cpu) {
  pin_to(cpu);
  char byte = 0;
  while (::recv(socket, &byte, 1, 0) == 1 && ::send(socket, &byte, 1, MSG_NOSIGNAL) == 1) {
  }
}

class OpenConnection : public Exchange {
 public:
  OpenConnection(Connection connection, unsigned server_cpu)
      : connection_(std::move(connection)),
        answering_(
            [socket = connection_.server.get(), server_cpu] { answer(socket, server_cpu); }) {}
  ~OpenConnection() override { ::shutdown(connection_.server.get(), SHUT_RDWR); }
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;

  [[nodiscard]] int client_socket() const override { return connection_.client.get(); }

 protected:
  void transact() override { exchange_byte(connection_.client.get()); }

 private:
  Connection connection_;
  std::jthread answering_;
};

class ConnectEachTime : public Exchange {
 public:
  ConnectEachTime(const Host& host, const Path& path, unsigned server_cpu)
      : host_(host), path_(path), listener_(listen_tcp(host, path)), answering_([this, server_cpu] {
          pin_to(server_cpu);
          accept_all();
        }) {}
  ~ConnectEachTime() override { ::shutdown(listener_.socket.get(), SHUT_RDWR); }
  ConnectEachTime(const ConnectEachTime&) = delete;
  ConnectEachTime& operator=(const ConnectEachTime&) = delete;

 protected:
  void transact() override {
    const UniqueFd socket = connect_to(path_, listener_.port);
    exchange_byte(socket.get());
  }
  void inside_client(const std::function<void()>& action) override {
    host_.inside(path_.client, action);
  }

 private:
  void accept_all() {
    for (;;) {
      const UniqueFd socket(::accept4(listener_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char byte = 0;
      if (socket.get() < 0) {
        return;
      }
      if (::recv(socket.get(), &byte, 1, 0) == 1 &&
          ::send(socket.get(), &byte, 1, MSG_NOSIGNAL) == 1) {
        // The client closes first, and keeps what is left of the connection.
        (void)::recv(socket.get(), &byte, 1, 0);
      }
    }
  }

  const Host& host_;
  const Path& path_;
  Listener listener_;
  std::jthread answering_;
};

}  // namespace

double Exchange::block(int transactions, Histogram* latencies) {
  std::chrono::duration<double, std::micro> elapsed{};
  inside_client([&] {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < transactions; ++i) {
      const Clock::time_point asked = Clock::now();
      transact();
      if (latencies != nullptr) {
        const std::chrono::nanoseconds latency = Clock::now() - asked;
        latencies->record(static_cast<std::uint64_t>(latency.count()));
      }
    }
    elapsed = Clock::now() - start;
  });
  return elapsed.count() / transactions;
}

std::unique_ptr<Exchange> open_exchange(Protocol protocol, const Host& host, const Path& path,
                                        unsigned server_cpu) {
  switch (protocol) {
    case Protocol::kTcpConnect:
      return std::make_unique<ConnectEachTime>(host, path, server_cpu);
    case Protocol::kUdp:
      return std::make_unique<OpenConnection>(connect_udp(host, path), server_cpu);
    case Protocol::kTcp:
      break;
  }
  return std::make_unique<OpenConnection>(connect_tcp(host, path), server_cpu);
}

}  // namespace linnet::rig
