#include "tests/bench/world.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "netlink/route_socket.h"

namespace linnet::bench {

enum class Action : int { kVersion, kPair, kTrace, kBare, kGrow, kBurst };

struct World::Order {
  Action action = Action::kVersion;
  int count = 0;
};

namespace {

// Router solicitations end twelve seconds after an interface is up.
constexpr std::chrono::seconds kSettleTime(15);

void require(bool done, std::string_view what) {
  if (!done) {
    throw SystemError(errno, what);
  }
}

void mount_private(const char* path, const char* type) {
  require(::mount(type, path, type, MS_NOSUID | MS_NODEV, nullptr) == 0,
          concat("mount ", type, " on ", path));
}

void loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  require(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0, "set lo up");
}

// A pair whose other end leads nowhere.
void make_uplink(const std::string& name) {
  const std::string peer = name + "peer";
  netlink::Batch batch;
  netlink::create_veth(
      batch, {.name = name,
              .mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 1, 1, 1, 1, 1}),
              .peer_name = peer,
              .peer_mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 1, 1, 1, 1, 2})});
  netlink::change_link(batch, {.name = name, .up = true});
  netlink::change_link(batch, {.name = peer, .up = true});
  netlink::RouteSocket().execute(batch);
}

void enter_own_host() {
  require(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "make namespaces");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  mount_private("/sys", "sysfs");
  mount_private("/run", "tmpfs");
  ensure_directory("/var/lib/cni", 0755);
  mount_private("/var/lib/cni", "tmpfs");
  ensure_directory("/run/netns", 0755);
  loopback_up();
}

// A namespace that is kept by a mount, as a runtime does it.
std::string make_container(int number) {
  const std::string path = concat("/run/netns/c", number);
  { const UniqueFd file = open_file(path, O_RDONLY | O_CREAT | O_EXCL, 0444); }
  const UniqueFd host = open_file("/proc/thread-self/ns/net", O_RDONLY);
  require(::unshare(CLONE_NEWNET) == 0, "make a container's namespace");
  const bool kept =
      ::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0;
  const int error = errno;
  require(::setns(host.get(), CLONE_NEWNET) == 0, "go back to the host's namespace");
  errno = error;
  require(kept, concat("mount ", path));
  return path;
}

}  // namespace

// The far side: lives in the namespaces and executes.
class World::Worker {
 public:
  Worker(const Scenario& scenario, std::string folder, int channel)
      : scenario_(scenario), folder_(std::move(folder)), channel_(channel) {}

  void serve(int containers) {
    enter_own_host();
    if (!scenario_.master.empty()) {
      make_uplink(scenario_.master);
    }
    for (int i = 0; i < containers; ++i) {
      containers_.push_back(make_container(i));
    }
    reply(true, true);
    Order order;
    while (::read(channel_, &order, sizeof order) == sizeof order) {
      act(order);
    }
  }

 private:
  void act(const Order& order) {
    switch (order.action) {
      case Action::kVersion: {
        const Outcome outcome = run_timed(call(Verb::kVersion, 0));
        return reply(outcome.timing.exit_code == 0, outcome.timing);
      }
      case Action::kPair: {
        const Timing add = execute(Verb::kAdd, kept_);
        const Timing del = execute(Verb::kDel, kept_);
        return reply(add.exit_code == 0, Pair{add, del});
      }
      case Action::kTrace:
        return trace();
      case Action::kBare:
        return bare();
      case Action::kGrow:
        return grow(order.count);
      case Action::kBurst:
        return burst(order.count);
    }
  }

  void trace() {
    PairCost cost;
    cost.add = run_traced(call(Verb::kAdd, kept_));
    cost.del = run_traced(call(Verb::kDel, kept_));
    reply(cost.add.exit_code == 0, cost);
  }

  void bare() {
    BarePair result;
    result.pair.add = execute(Verb::kAdd, kept_);
    const Outcome outcome = run_timed(call(Verb::kDel, kept_));
    result.pair.del = outcome.timing;
    const std::vector<std::string> figures = split(trim(outcome.output), ' ');
    const auto figure = [&](std::size_t i) {
      return static_cast<double>(i < figures.size() ? parse_number<long>(figures[i]).value_or(-1)
                                                    : -1);
    };
    result.announced.wall_us = figure(0);
    result.answered.wall_us = figure(1);
    reply(outcome.timing.exit_code == 0 && result.announced.wall_us >= 0, result);
  }

  void grow(int count) {
    bool good = true;
    for (int i = 0; i < count && good; ++i) {
      good = execute(Verb::kAdd, kept_++).exit_code == 0;
    }
    // The kernel announces every new address and group for some seconds, to all other ports.
    std::this_thread::sleep_for(kSettleTime);
    reply(good, good);
  }

  void burst(int count) {
    std::vector<Execution> calls;
    for (int i = 0; i < count; ++i) {
      calls.push_back(call(Verb::kAdd, kept_ + i));
    }
    const Burst result = run_together(calls);
    Timing all{result.wall_us, 0, 0};
    for (const Timing& one : result.each) {
      all.cpu_us += one.cpu_us;
      all.exit_code |= one.exit_code;
    }
    for (int i = 0; i < count; ++i) {
      all.exit_code |= execute(Verb::kDel, kept_ + i).exit_code;
    }
    reply(all.exit_code == 0, all);
  }

  [[nodiscard]] Execution call(Verb verb, int number) const {
    const auto result = results_.find(number);
    return call_of(scenario_, folder_, verb, number,
                   containers_.empty() ? "" : containers_.at(static_cast<std::size_t>(number)),
                   verb == Verb::kDel && result != results_.end() ? result->second : "");
  }

  Timing execute(Verb verb, int number) {
    const Outcome outcome = run_timed(call(verb, number));
    if (outcome.timing.exit_code != 0) {
      log_warning(concat(folder_, "/", scenario_.plugin, ": ", outcome.output));
    }
    if (verb == Verb::kAdd) {
      results_[number] = outcome.output;
    } else {
      results_.erase(number);
    }
    return outcome.timing;
  }

  template <typename Answer>
  void reply(bool good, const Answer& answer) const {
    const char mark = good ? 'y' : 'n';
    std::string message(1 + sizeof answer, mark);
    std::memcpy(message.data() + 1, &answer, sizeof answer);
    write_all(channel_, message, "the answer");
  }

  const Scenario& scenario_;
  std::string folder_;
  int channel_;
  std::vector<std::string> containers_;
  std::map<int, std::string> results_;  // of attachments that exist
  int kept_ = 0;
};

World::World(const Scenario& scenario, std::string folder, int containers) {
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "make a channel");
  channel_.reset(ends[0]);
  UniqueFd far(ends[1]);
  pid_ = ::fork();
  require(pid_ >= 0, "fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    channel_.reset();
    try {
      Worker(scenario, std::move(folder), far.get()).serve(containers);
    } catch (const std::exception& error) {
      log_warning(error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  far.reset();
  char ready[2];
  if (::read(channel_.get(), ready, sizeof ready) != sizeof ready) {
    throw SystemError(EPERM, "make a host for the benchmark (root is needed)");
  }
}

World::~World() {
  if (pid_ > 0) {
    // Closing the channel would not do: workers made later hold copies of it.
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

template <typename Answer>
std::optional<Answer> World::ask(const Order& order) {
  write_all(channel_.get(), {reinterpret_cast<const char*>(&order), sizeof order}, "an order");
  std::string message(1 + sizeof(Answer), '\0');
  if (::read(channel_.get(), message.data(), message.size()) !=
          static_cast<ssize_t>(message.size()) ||
      message[0] != 'y') {
    return std::nullopt;
  }
  Answer answer{};
  std::memcpy(&answer, message.data() + 1, sizeof answer);
  return answer;
}

std::optional<Timing> World::version() { return ask<Timing>({Action::kVersion, 0}); }

std::optional<Pair> World::pair() { return ask<Pair>({Action::kPair, 0}); }

std::optional<PairCost> World::traced_pair() { return ask<PairCost>({Action::kTrace, 0}); }

std::optional<BarePair> World::bare_pair() { return ask<BarePair>({Action::kBare, 0}); }

bool World::grow(int count) { return ask<bool>({Action::kGrow, count}).has_value(); }

std::optional<Timing> World::burst(int count) { return ask<Timing>({Action::kBurst, count}); }

}  // namespace linnet::bench
