#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "rig/closed_loops.h"
#include "rig/machine.h"
#include "rig/namespaces.h"
#include "rig/run.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

std::size_t equal_ones(const SelftestReport& report) {
  return static_cast<std::size_t>(std::ranges::count_if(
      report.pairs, [](const Estimate& pair) { return pair.interval.covers(1); }));
}

// What 95 of 100 pairs that are the same do not differ by.
double resolution(const SelftestReport& report) {
  std::vector<double> distances;
  for (const Estimate& pair : report.pairs) {
    distances.push_back(std::abs(pair.value - 1));
  }
  std::ranges::sort(distances);
  return distances[static_cast<std::size_t>(0.95 * static_cast<double>(distances.size() - 1))];
}

double median_width(const SelftestReport& report) {
  std::vector<double> widths;
  for (const Estimate& pair : report.pairs) {
    widths.push_back((pair.interval.high - pair.interval.low) / 2);
  }
  return median(widths);
}

}  // namespace

SelftestReport measure_nothing(const SelftestOptions& options, const Progress& progress) {
  progress("attaching containers");
  enter_private_namespaces();
  const Testbed testbed({built_in_topologies()[0]}, options.suites);
  const Case& outward = testbed.cases()[3];
  if (!outward.unavailable.empty()) {
    throw cni::Error(cni::Code::kInternal, outward.unavailable);
  }
  const cni::Json machine = describe_machine();
  const unsigned cpu = allowed_cpus().front();
  pin_to(cpu);
  SelftestReport report{
      .options = options, .machine = machine, .pairs = {}, .seconds = 0, .cpu = {}};
  const CpuTime cpu_before = read_cpu_time();
  const auto start = std::chrono::steady_clock::now();
  Random random(options.seed);
  const Contestant same{outward.host, &outward.path};
  for (int pair = 0; pair < options.pairs; ++pair) {
    if (pair % 10 == 0) {
      progress(concat("pair ", pair + 1, " of ", options.pairs));
    }
    const std::vector<ClosedLoopResult> results = take_turns(
        {same, same}, {.placement = {cpu, cpu}, .rounds = options.rounds, .cycles = options.cycles},
        random);
    report.pairs.push_back(
        bootstrap_median(paired_ratios(results[0].samples, results[1].samples), options.seed));
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.cpu = read_cpu_time() - cpu_before;
  return report;
}

std::string as_table(const SelftestReport& report) {
  return concat(report.machine.value("kernel", "?"), ", ", report.machine.value("cpu", "?"), ", ",
                report.machine.value("cpus", 0), " CPUs, ", fixed(report.seconds, 0),
                " s\n\"no difference\" in ", equal_ones(report), " of ", report.pairs.size(),
                " pairs of the same way, container to outside through a bridge\n95 % of the pairs "
                "are within ",
                fixed(100 * resolution(report), 2),
                " % of each other; half the width of an interval is ",
                fixed(100 * median_width(report), 2),
                " % in the middle:\na smaller difference is not resolved in a run of this length "
                "(",
                report.options.rounds, " rounds of ", report.options.cycles, " cycles)\n");
}

cni::Json to_json(const SelftestReport& report) {
  cni::Json pairs = cni::Json::array();
  for (const Estimate& pair : report.pairs) {
    pairs.push_back({{"median", pair.value},
                     {"low", pair.interval.low},
                     {"high", pair.interval.high},
                     {"verdict", verdict(pair)}});
  }
  return {{"format", "linnet-rig-selftest-1"},
          {"version", LINNET_VERSION},
          {"machine", report.machine},
          {"options",
           {{"pairs", report.options.pairs},
            {"rounds", report.options.rounds},
            {"cycles", report.options.cycles},
            {"seed", report.options.seed}}},
          {"seconds", report.seconds},
          {"no_difference", equal_ones(report)},
          {"resolution", resolution(report)},
          {"half_width", median_width(report)},
          {"pairs", std::move(pairs)}};
}

}  // namespace linnet::rig
