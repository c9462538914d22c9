#include "rig/exchange.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "base/log.h"
#include "rig/namespaces.h"
#include "rig/traffic.h"

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

// Until the other end is closed.
void answer(int socket) {
  char byte = 0;
  while (::recv(socket, &byte, 1, 0) == 1 && ::send(socket, &byte, 1, MSG_NOSIGNAL) == 1) {
  }
}

void accept_all(int listening) {
  for (;;) {
    const UniqueFd socket(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() < 0) {
      return;
    }
    // The client closes first, and keeps what is left of the connection.
    answer(socket.get());
  }
}

// Does `serve` with one socket, as a process: two containers do not share their memory, and switching from one address
// space to another is part of what a request costs. It ends with the object, and with this process, however that ends.
class Server {
 public:
  Server(const UniqueFd& socket, unsigned cpu, void (*serve)(int)) : pid_(::fork()) {
    require(pid_ >= 0, "fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      run(socket.get(), cpu, serve);
    }
  }
  ~Server() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  [[noreturn]] static void run(int socket, unsigned cpu, void (*serve)(int)) {
    // Copies of the clients' ends would keep connections open.
    constexpr int kKept = 3;
    if (socket != kKept && ::dup2(socket, kKept) < 0) {
      ::_exit(1);
    }
    (void)::close_range(kKept + 1, ~0U, 0);
    try {
      pin_to(cpu);
      serve(kKept);
    } catch (const std::exception& error) {
      log_warning(error.what());
    }
    ::_exit(0);
  }

  pid_t pid_;
};

class OpenConnection : public Exchange {
 public:
  OpenConnection(Connection connection, unsigned server_cpu)
      : client_(std::move(connection.client)), server_(connection.server, server_cpu, answer) {}

  [[nodiscard]] int client_socket() const override { return client_.get(); }

 protected:
  void transact() override { exchange_byte(client_.get()); }

 private:
  UniqueFd client_;
  Server server_;
};

class ConnectEachTime : public Exchange {
 public:
  ConnectEachTime(const Host& host, const Path& path, unsigned server_cpu)
      : ConnectEachTime(host, path, listen_tcp(host, path), server_cpu) {}

 protected:
  void transact() override {
    const UniqueFd socket = connect_to(path_, port_);
    exchange_byte(socket.get());
  }
  void inside_client(const std::function<void()>& action) override {
    host_.inside(path_.client, action);
  }

 private:
  ConnectEachTime(const Host& host, const Path& path, const Listener& listener, unsigned server_cpu)
      : host_(host),
        path_(path),
        port_(listener.port),
        server_(listener.socket, server_cpu, accept_all) {}

  const Host& host_;
  const Path& path_;
  std::uint16_t port_;
  Server server_;
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
