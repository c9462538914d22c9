#include "rig/run.h"

#include <cmath>
#include <ctime>

#include "base/text.h"
#include "rig/closed_loops.h"
#include "rig/machine.h"
#include "rig/namespaces.h"
#include "rig/open_loop.h"
#include "rig/witness.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

// Requests and answers with their share of the cycles and of the time: the slower ones need fewer.
struct ClosedLoop {
  const char* name;
  const char* title;
  Protocol protocol;
  int cpus;
  int transactions;
  int connections;
  int share;
  bool always;  // also with --quick
};
constexpr ClosedLoop kClosedLoops[] = {
    {"tcp_rr", "TCP request/response", Protocol::kTcp, 1, 40, 2, 1, true},
    {"tcp_rr_2cpu", "TCP request/response", Protocol::kTcp, 2, 10, 1, 2, true},
    {"tcp_crr", "TCP connect/request/response", Protocol::kTcpConnect, 1, 10, 1, 2, false},
    {"udp_rr", "UDP request/response", Protocol::kUdp, 1, 40, 1, 2, false},
};

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

class Measurement {
 public:
  Measurement(const RunOptions& options, const Progress& progress)
      : options_(options), progress_(progress), cpus_(allowed_cpus()), random_(options.seed) {
    progress_("attaching containers");
    enter_private_namespaces();
    testbed_.emplace(options.topologies, options.suites);
    for (const Case& each : testbed_->cases()) {
      report_.cases.push_back({each.topology, each.way, each.unavailable, {}, {}});
      if (each.unavailable.empty()) {
        contestants_.push_back({each.host, &each.path});
        positions_.push_back(report_.cases.size() - 1);
        describe(each, report_.cases.back());
      }
    }
  }

  RunReport run() {
    const Clock::time_point start = Clock::now();
    const CpuTime cpu_before = read_cpu_time();
    report_.version = LINNET_VERSION;
    report_.started = now_text();
    report_.machine = describe_machine();
    report_.options = options_json();
    report_.seed = options_.seed;
    look_at_canary();
    for (const ClosedLoop& loop : kClosedLoops) {
      if (loop.cpus <= static_cast<int>(cpus_.size()) && (loop.always || options_.all_workloads)) {
        measure_closed_loop(loop);
      }
    }
    measure_open_loop();
    measure_bulks();
    hear_witnesses();
    look_at_canary();
    report_.cpu = read_cpu_time() - cpu_before;
    report_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(report_);
  }

 private:
  static void describe(const Case& one, CaseReport& report) {
    if (!one.container.empty()) {
      one.host->inside(one.container, [&] { report.link = describe_link("eth0"); });
    }
  }

  [[nodiscard]] cni::Json options_json() const {
    cni::Json suites = cni::Json::array();
    for (const Suite& suite : options_.suites) {
      suites.push_back({{"label", suite.label}, {"path", join(suite.plugin_path, ":")}});
    }
    return {{"suites", std::move(suites)},
            {"rounds", options_.rounds},
            {"cycles", options_.cycles},
            {"round_limit_ms", options_.round_limit.count()},
            {"single_rounds", options_.single_rounds},
            {"open_loop_ms", options_.open_loop.count()},
            {"open_loop_rate", options_.open_loop_rate},
            {"bulk_ms", options_.bulk.count()},
            {"bulk_warm_up_ms", options_.bulk_warm_up.count()},
            {"witness_rounds", options_.witnesses ? options_.witness_rounds : 0},
            {"witness_bulk_rounds", options_.witnesses ? options_.witness_bulk_rounds : 0},
            {"accounting_ms", options_.accounting.count()},
            {"seed", options_.seed}};
  }

  [[nodiscard]] Placement placement(int cpus) const {
    return {cpus_.front(), cpus > 1 && cpus_.size() > 1 ? cpus_[1] : cpus_.front()};
  }

  // A loop that has nothing to do with networks of containers.
  void look_at_canary() {
    pin_to(cpus_.front());
    const Case& loopback = testbed_->cases()[2];
    const auto exchange =
        open_exchange(Protocol::kTcp, *loopback.host, loopback.path, cpus_.front());
    (void)exchange->block(500);
    report_.canary_us.push_back(exchange->block(4000));
  }

  void start(const Workload& workload) {
    progress_(concat(workload.title, workload.cpus == 0   ? ", not pinned"
                                     : workload.cpus == 1 ? ", one CPU"
                                                          : ", two CPUs"));
    report_.workloads.push_back(workload);
    for (const std::size_t position : positions_) {
      report_.cases[position].series.emplace_back().workload = workload.name;
    }
  }
  [[nodiscard]] Series& series(std::size_t contestant) {
    return report_.cases[positions_[contestant]].series.back();
  }

  void measure_closed_loop(const ClosedLoop& loop) {
    start({loop.name, loop.title, Unit::kMicroseconds, loop.cpus, true});
    const Placement places = placement(loop.cpus);
    pin_to(places.client);
    std::vector<ClosedLoopResult> results =
        take_turns(contestants_,
                   {.protocol = loop.protocol,
                    .placement = places,
                    .rounds = options_.rounds,
                    .cycles = std::max(options_.cycles / loop.share, 1),
                    .round_limit = options_.round_limit / loop.share,
                    .transactions = loop.transactions,
                    .connections = loop.connections},
                   random_);
    for (const std::size_t i : shuffled(contestants_.size(), random_)) {
      series(i).samples = std::move(results[i].samples);
      series(i).latency = std::move(results[i].latency);
      account_for(contestants_[i], loop.protocol, places, series(i));
    }
  }

  // The counters of the machine tell one way from another only while nothing else is measured.
  void account_for(const Contestant& one, Protocol protocol, const Placement& places,
                   Series& series) const {
    constexpr int kBlock = 20;
    const auto exchange = open_exchange(protocol, *one.host, *one.path, places.server);
    (void)exchange->block(kBlock);
    const Account account(*one.host, *one.path);
    const Clock::time_point end = Clock::now() + options_.accounting;
    while (Clock::now() < end) {
      (void)exchange->block(kBlock);
      series.transactions += kBlock;
    }
    series.account = account.close();
    series.load = load_average();
    if (protocol == Protocol::kTcp) {
      series.flows.push_back(flow_info(exchange->client_socket()));
    }
  }

  void measure_open_loop() {
    start({"open_loop", concat("TCP at ", fixed(options_.open_loop_rate, 0), " requests/s"),
           Unit::kMicroseconds, 1, false});
    const Placement places = placement(1);
    pin_to(places.client);
    for (int round = 0; round < options_.single_rounds; ++round) {
      for (const std::size_t i : shuffled(contestants_.size(), random_)) {
        const auto exchange = open_exchange(Protocol::kTcp, *contestants_[i].host,
                                            *contestants_[i].path, places.server);
        (void)exchange->block(40);
        const Account account(*contestants_[i].host, *contestants_[i].path);
        const OpenLoop loop = send_at_rate(
            *exchange, {.rate = options_.open_loop_rate, .duration = options_.open_loop});
        Series& to = series(i);
        add(to.account, account.close());
        to.samples.push_back({loop.latency.mean() / 1000});
        to.latency.merge(loop.latency);
        to.lateness.merge(loop.lateness);
        to.transactions += static_cast<double>(loop.latency.count());
        to.flows.push_back(flow_info(exchange->client_socket()));
        to.load = load_average();
      }
    }
  }

  void measure_bulks() {
    const int two = cpus_.size() > 1 ? 2 : 1;
    const BulkOptions still = {.flows = 1,
                               .warm_up = options_.bulk_warm_up,
                               .duration = options_.bulk,
                               .sender = Sender::kStill,
                               .placement = placement(two)};
    measure_bulk({"bulk_1", "bulk TCP, one flow", Unit::kBitsPerSecond, two, false}, still);
    if (options_.all_workloads) {
      BulkOptions several = still;
      several.flows = 4;
      measure_bulk({"bulk_4", "bulk TCP, four flows", Unit::kBitsPerSecond, two, false}, several);
    }
    if (options_.migrate) {
      measure_bulk({"bulk_migrate", "bulk TCP, two flows, senders moved every 5 ms",
                    Unit::kBitsPerSecond, 0, false},
                   {.warm_up = options_.bulk_warm_up, .duration = options_.bulk});
    }
  }

  void measure_bulk(const Workload& workload, const BulkOptions& bulk_options) {
    start(workload);
    unpin(cpus_);
    for (int round = 0; round < options_.single_rounds; ++round) {
      for (const std::size_t i : shuffled(contestants_.size(), random_)) {
        const Bulk bulk = send_bulk(*contestants_[i].host, *contestants_[i].path, bulk_options);
        Series& to = series(i);
        add(to.account, bulk.account);
        to.samples.push_back({bulk.bits_per_second});
        to.flows.insert(to.flows.end(), bulk.flows.begin(), bulk.flows.end());
        to.load = load_average();
      }
    }
  }

  void hear_witnesses() {
    for (std::size_t i = 0; options_.witnesses && i < contestants_.size(); ++i) {
      const CaseReport& one = report_.cases[positions_[i]];
      if (i != 0 && one.way != kOutwards) {
        continue;
      }
      progress_(concat("netperf and iperf3, ", one.label()));
      std::vector<Witness> heard =
          ask_witnesses(*contestants_[i].host, *contestants_[i].path, one.label(),
                        {.rounds = options_.witness_rounds,
                         .bulk_rounds = options_.witness_bulk_rounds,
                         .one_cpu = placement(1),
                         .two_cpus = placement(2),
                         .all_cpus = cpus_});
      std::ranges::move(heard, std::back_inserter(report_.witnesses));
    }
  }

  RunOptions options_;
  const Progress& progress_;
  std::vector<unsigned> cpus_;
  Random random_;
  std::optional<Testbed> testbed_;
  std::vector<Contestant> contestants_;
  std::vector<std::size_t> positions_;  // of the contestants' cases
  RunReport report_;
};

}  // namespace

RunOptions quick(RunOptions options) {
  options.cycles = 20;
  options.round_limit = std::chrono::milliseconds(500);
  options.accounting = std::chrono::milliseconds(50);
  options.single_rounds = static_cast<int>(kFewestForInterval);
  options.open_loop = std::chrono::milliseconds(50);
  options.bulk = std::chrono::milliseconds(60);
  options.all_workloads = false;
  return options;
}

RunOptions scaled(RunOptions options, double factor) {
  const auto scale = [factor](std::int64_t value) {
    return std::max<std::int64_t>(std::llround(static_cast<double>(value) * factor), 1);
  };
  options.cycles = static_cast<int>(std::max<std::int64_t>(scale(options.cycles), 2));
  options.witness_rounds = static_cast<int>(scale(options.witness_rounds));
  options.witness_bulk_rounds = static_cast<int>(scale(options.witness_bulk_rounds));
  for (std::chrono::milliseconds* const time :
       {&options.round_limit, &options.accounting, &options.open_loop, &options.bulk,
        &options.bulk_warm_up}) {
    *time = std::chrono::milliseconds(scale(time->count()));
  }
  return options;
}

RunReport measure_datapaths(const RunOptions& options, const Progress& progress) {
  return Measurement(options, progress).run();
}

}  // namespace linnet::rig
