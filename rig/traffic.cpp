#include "rig/traffic.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "rig/namespaces.h"

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBulkBuffer = 128 << 10;

void allow(pid_t thread, const std::vector<unsigned>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned cpu : cpus) {
    CPU_SET(cpu, &set);
  }
  require(::sched_setaffinity(thread, sizeof set, &set) == 0,
          concat("run on CPU ", cpus.front(), cpus.size() > 1 ? " and others" : ""));
}

// Threads that read and write until told to stop.
class BulkFlow {
 public:
  BulkFlow(const Host& host, const Path& path, const std::optional<Placement>& placement)
      : connection_(connect_tcp(host, path)), placement_(placement) {
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
  [[nodiscard]] FlowInfo info() const { return flow_info(connection_.client.get()); }

  void move_sender_to(unsigned cpu) {
    const pid_t thread = sender_.load();
    if (thread != 0) {
      allow(thread, {cpu});
    }
  }

 private:
  void receive() {
    if (placement_) {
      pin_to(placement_->server);
    }
    const std::unique_ptr<char[]> buffer(new char[kBulkBuffer]);
    for (ssize_t size = 0;
         (size = ::recv(connection_.server.get(), buffer.get(), kBulkBuffer, 0)) > 0;) {
      received_.fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
    }
  }

  void send(const std::stop_token& stop) {
    if (placement_) {
      pin_to(placement_->client);
    }
    sender_ = ::gettid();
    const std::unique_ptr<char[]> buffer(new char[kBulkBuffer]());
    while (!stop.stop_requested()) {
      if (::send(connection_.client.get(), buffer.get(), kBulkBuffer, MSG_NOSIGNAL) < 0 &&
          errno != EAGAIN) {
        return;
      }
    }
  }

  Connection connection_;
  std::optional<Placement> placement_;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<pid_t> sender_ = 0;
  std::jthread receiving_;
  std::jthread sending_;
};

using Flows = std::vector<std::unique_ptr<BulkFlow>>;

std::uint64_t received_by(const Flows& flows) {
  std::uint64_t sum = 0;
  for (const auto& flow : flows) {
    sum += flow->received();
  }
  return sum;
}

void let_flow(const Flows& flows, const BulkOptions& options, std::chrono::milliseconds duration) {
  const std::vector<unsigned> cpus = allowed_cpus();
  const Clock::time_point end = Clock::now() + duration;
  for (std::size_t turn = 0; Clock::now() < end; ++turn) {
    if (options.sender == Sender::kMigrating) {
      for (std::size_t i = 0; i < flows.size(); ++i) {
        flows[i]->move_sender_to(cpus[(turn + i) % cpus.size()]);
      }
    }
    std::this_thread::sleep_until(std::min(Clock::now() + options.stay, end));
  }
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

void pin_to(unsigned cpu) { allow(0, {cpu}); }

void unpin(const std::vector<unsigned>& cpus) { allow(0, cpus); }

Bulk send_bulk(const Host& host, const Path& path, const BulkOptions& options) {
  Bulk bulk;
  Flows flows;
  for (int i = 0; i < options.flows; ++i) {
    flows.push_back(std::make_unique<BulkFlow>(host, path, options.placement));
  }
  let_flow(flows, options, options.warm_up);
  const Account account(host, path);
  const std::uint64_t bytes_before = received_by(flows);
  const Clock::time_point start = Clock::now();
  let_flow(flows, options, options.duration);
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  bulk.bits_per_second =
      static_cast<double>(received_by(flows) - bytes_before) * 8 / elapsed.count();
  bulk.account = account.close();
  for (const auto& flow : flows) {
    bulk.flows.push_back(flow->info());
  }
  return bulk;
}

}  // namespace linnet::rig
