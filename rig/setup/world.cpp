#include "rig/setup/world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "rig/namespaces.h"
#include "rig/setup/report.h"

namespace linnet::rig::setup {

enum class Action : int { kVersion, kPair, kTrace, kBare, kConnect, kGrow, kBurst };

struct World::Order {
  Action action = Action::kVersion;
  int count = 0;
};

namespace {

// Router solicitations end twelve seconds after an interface is up.
constexpr std::chrono::seconds kSettleTime(15);

// A pair whose other end leads nowhere.
void make_dead_end(const std::string& name) {
  const std::string peer = name + "peer";
  make_uplink({.name = name, .peer_name = peer});
  bring_up(name);
  bring_up(peer);
}

constexpr int kConnections = 51;

// A socket that listens in a container.
UniqueFd listen_in(const std::string& netns) {
  UniqueFd listener;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      const UniqueFd fd(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
      require(::setns(fd.get(), CLONE_NEWNET) == 0, "enter a container");
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_port = htons(kContainerPort);
      listener.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      require(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
                  ::listen(listener.get(), kConnections) == 0,
              "listen in a container");
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
  return listener;
}

double time_of_connection(int port) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, kGateway, &server.sin_addr);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Nothing of it waits for a late segment when it is closed.
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  const auto start = std::chrono::steady_clock::now();
  require(::connect(client.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0,
          "connect to a published port");
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count();
}

std::string make_container(int number) {
  const std::string name = concat("c", number);
  (void)make_namespace(name);
  return path_of_namespace(name);
}

}  // namespace

// The far side: lives in the namespaces and executes.
class World::Worker {
 public:
  Worker(const Scenario& scenario, std::string folder, int channel)
      : scenario_(scenario), folder_(std::move(folder)), channel_(channel) {}

  void serve(int containers) {
    enter_private_namespaces();
    if (!scenario_.master.empty()) {
      make_dead_end(scenario_.master);
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
      case Action::kConnect:
        return connect();
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

  void connect() {
    const Timing add = execute(Verb::kAdd, kept_);
    std::vector<double> times;
    if (add.exit_code == 0) {
      const UniqueFd listener = listen_in(containers_.at(static_cast<std::size_t>(kept_)));
      for (int i = 0; i < kConnections; ++i) {
        times.push_back(time_of_connection(host_port_of(scenario_, kept_)));
        UniqueFd(::accept(listener.get(), nullptr, nullptr)).reset();
      }
    }
    const Timing del = execute(Verb::kDel, kept_);
    const bool good = add.exit_code == 0 && del.exit_code == 0;
    reply(good, Timing{good ? quantile(times, 0.5) : 0, 0, 0});
  }

  void grow(int count) {
    bool good = true;
    const int own = scenario_.mappings;
    scenario_.mappings = scenario_.mappings_of_others > 0 ? scenario_.mappings_of_others : own;
    for (int i = 0; i < count && good; ++i) {
      good = execute(Verb::kAdd, kept_++).exit_code == 0;
    }
    scenario_.mappings = own;
    // The kernel announces every new address and group for some seconds, to all other ports.
    std::this_thread::sleep_for(kSettleTime);
    reply(good, good);
  }

  void burst(int count) {
    std::vector<Execution> calls;
    calls.reserve(static_cast<std::size_t>(count));
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

  Scenario scenario_;
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

std::optional<Timing> World::connect() { return ask<Timing>({Action::kConnect, 0}); }

bool World::grow(int count) { return ask<bool>({Action::kGrow, count}).has_value(); }

std::optional<Timing> World::burst(int count) { return ask<Timing>({Action::kBurst, count}); }

}  // namespace linnet::rig::setup
