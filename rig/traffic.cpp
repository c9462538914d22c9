#include "rig/traffic.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>

#include "base/error.h"
#include "base/text.h"

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBulkBuffer = 128 << 10;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port_in_network_order) {
  SocketAddress result;
  if (address.is_ipv4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = port_in_network_order;
    std::memcpy(&v4.sin_addr, address.bytes().data(), 4);
    result.size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = port_in_network_order;
    std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
    result.size = sizeof v6;
  }
  return result;
}

void require(bool done, std::string_view what) {
  if (!done) {
    throw SystemError(errno, what);
  }
}

UniqueFd tcp_socket(const IpAddress& address) {
  UniqueFd socket(::socket(address.is_ipv4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(socket.get() >= 0, "make a TCP socket");
  return socket;
}

// A connection whose ends are in the path's two namespaces.
struct Connection {
  UniqueFd client;
  UniqueFd server;
};

Connection connect(const Host& host, const Path& path) {
  UniqueFd listening;
  std::uint16_t port = 0;
  host.inside(path.server, [&] {
    listening = tcp_socket(path.address);
    SocketAddress any = socket_address(IpAddress::unspecified(path.address.family()), 0);
    require(::bind(listening.get(), any.raw(), any.size) == 0, "bind");
    require(::listen(listening.get(), 1) == 0, "listen");
    require(::getsockname(listening.get(), any.raw(), &any.size) == 0, "ask for the port");
    port =
        reinterpret_cast<const sockaddr_in&>(any.storage).sin_port;  // at the same place in IPv6's
  });
  Connection connection;
  host.inside(path.client, [&] {
    connection.client = tcp_socket(path.address);
    SocketAddress to = socket_address(path.address, port);
    require(::connect(connection.client.get(), to.raw(), to.size) == 0,
            concat("connect from ", path.client, " to ", path.address.text()));
  });
  connection.server.reset(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  require(connection.server.get() >= 0, "accept");
  const int on = 1;
  for (const UniqueFd* const end : {&connection.client, &connection.server}) {
    require(::setsockopt(end->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
  }
  return connection;
}

void answer(int socket, unsigned cpu) {
  pin_to(cpu);
  char byte = 0;
  while (::recv(socket, &byte, 1, 0) == 1 && ::send(socket, &byte, 1, MSG_NOSIGNAL) == 1) {
  }
}

// Threads that read and write until told to stop.
class BulkFlow {
 public:
  BulkFlow(const Host& host, const Path& path) : connection_(connect(host, path)) {
    receiving_ = std::jthread([this] { receive(); });
    sending_ = std::jthread([this](const std::stop_token& stop) { send(stop); });
  }
  BulkFlow(const BulkFlow&) = delete;
  BulkFlow& operator=(const BulkFlow&) = delete;
  ~BulkFlow() {
    sending_.request_stop();
    // Also wakes a sender that waits for room.
    ::shutdown(connection_.client.get(), SHUT_RDWR);
  }

  [[nodiscard]] std::uint64_t received() const { return received_.load(std::memory_order_relaxed); }

  void move_sender_to(unsigned cpu) {
    const pid_t thread = sender_.load();
    if (thread != 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpu, &set);
      ::sched_setaffinity(thread, sizeof set, &set);
    }
  }

 private:
  void receive() {
    const std::unique_ptr<char[]> buffer(new char[kBulkBuffer]);
    for (ssize_t size = 0;
         (size = ::recv(connection_.server.get(), buffer.get(), kBulkBuffer, 0)) > 0;) {
      received_.fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
    }
  }

  void send(const std::stop_token& stop) {
    sender_ = ::gettid();
    const std::unique_ptr<char[]> buffer(new char[kBulkBuffer]());
    while (!stop.stop_requested() &&
           ::send(connection_.client.get(), buffer.get(), kBulkBuffer, MSG_NOSIGNAL) > 0) {
    }
  }

  Connection connection_;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<pid_t> sender_ = 0;
  std::jthread receiving_;
  std::jthread sending_;
};

std::uint64_t received_by(const std::vector<std::unique_ptr<BulkFlow>>& flows) {
  std::uint64_t sum = 0;
  for (const auto& flow : flows) {
    sum += flow->received();
  }
  return sum;
}

void let_flow(const std::vector<std::unique_ptr<BulkFlow>>& flows, const BulkOptions& options) {
  const std::vector<unsigned> cpus = allowed_cpus();
  const Clock::time_point end = Clock::now() + options.duration;
  for (std::size_t turn = 0; Clock::now() < end; ++turn) {
    if (options.sender == Sender::kMigrating) {
      for (std::size_t i = 0; i < flows.size(); ++i) {
        flows[i]->move_sender_to(cpus[(turn + i) % cpus.size()]);
      }
    }
    std::this_thread::sleep_for(options.stay);
  }
}

Counters counters_in(const Host& host, const std::string& name) {
  Counters counters;
  host.inside(name, [&] { counters = read_counters(); });
  return counters;
}

}  // namespace

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  require(::sched_getaffinity(0, sizeof set, &set) == 0, "ask for the CPUs of this process");
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

void pin_to(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  require(::sched_setaffinity(0, sizeof set, &set) == 0, concat("run on CPU ", cpu));
}

PingPong::PingPong(const Host& host, const Path& path, unsigned cpu) {
  Connection connection = connect(host, path);
  client_ = std::move(connection.client);
  server_ = std::move(connection.server);
  answering_ = std::jthread([socket = server_.get(), cpu] { answer(socket, cpu); });
}

PingPong::~PingPong() { ::shutdown(client_.get(), SHUT_RDWR); }

double PingPong::block(int round_trips) const {
  const Clock::time_point start = Clock::now();
  char byte = 'x';
  for (int i = 0; i < round_trips; ++i) {
    require(::send(client_.get(), &byte, 1, MSG_NOSIGNAL) == 1, "send a byte");
    require(::recv(client_.get(), &byte, 1, 0) == 1, "receive the byte");
  }
  const std::chrono::duration<double, std::micro> elapsed = Clock::now() - start;
  return elapsed.count() / round_trips;
}

Bulk send_bulk(const Host& host, const Path& path, const BulkOptions& options) {
  Bulk bulk;
  std::vector<std::unique_ptr<BulkFlow>> flows;
  const Counters sender_before = counters_in(host, path.client);
  const Counters receiver_before = counters_in(host, path.server);
  for (int i = 0; i < options.flows; ++i) {
    flows.push_back(std::make_unique<BulkFlow>(host, path));
  }
  const CpuTime cpu_before = read_cpu_time();
  const std::uint64_t bytes_before = received_by(flows);
  const Clock::time_point start = Clock::now();
  let_flow(flows, options);
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  bulk.bits_per_second =
      static_cast<double>(received_by(flows) - bytes_before) * 8 / elapsed.count();
  const CpuTime cpu = read_cpu_time();
  bulk.cpu = {cpu.total - cpu_before.total, cpu.idle - cpu_before.idle,
              cpu.softirq - cpu_before.softirq, cpu.steal - cpu_before.steal};
  bulk.sender = difference(counters_in(host, path.client), sender_before);
  bulk.receiver = difference(counters_in(host, path.server), receiver_before);
  return bulk;
}

}  // namespace linnet::rig
