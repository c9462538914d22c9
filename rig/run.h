// netrig run: every workload on every way through every topology, in turns.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "rig/run_report.h"
#include "rig/topology.h"

namespace linnet::rig {

struct RunOptions {
  std::vector<Suite> suites;
  std::vector<Topology> topologies = built_in_topologies();
  // Requests and answers: after each round connections are opened anew.
  int rounds = 6;
  int cycles = 60;  // of a round: a block of transactions on every connection
  std::chrono::milliseconds round_limit{2000};
  std::chrono::milliseconds accounting{150};  // after the rounds, a case
  // Of what runs alone, each time for one sample.
  int single_rounds = 9;
  std::chrono::milliseconds open_loop{200};
  double open_loop_rate = 4000;  // requests a second
  // Longer than a sender waits before it sends again what was lost, 200 ms at least.
  std::chrono::milliseconds bulk{220};
  std::chrono::milliseconds bulk_warm_up{50};  // before
  bool all_workloads = true;
  bool migrate = false;     // also bulk data whose senders move
  int witness_rounds = 16;  // of requests, where they are wanted
  int witness_bulk_rounds = 6;
  bool witnesses = false;  // also netperf and iperf3, on one way through each topology
  std::uint64_t seed = 1;
};
// What --quick means: shorter, and without connecting each time, UDP, and several flows.
[[nodiscard]] RunOptions quick(RunOptions options);
// All times and counts but the rounds that connections are opened anew for, at least one of each, times `factor`.
[[nodiscard]] RunOptions scaled(RunOptions options, double factor);

using Progress = std::function<void(const std::string&)>;

// The process has one thread and is root. Throws SystemError, cni::Error.
[[nodiscard]] RunReport measure_datapaths(const RunOptions& options, const Progress& progress);

struct SelftestOptions {
  std::vector<Suite> suites;
  int pairs = 100;
  int rounds = 6;
  int cycles = 30;
  std::uint64_t seed = 1;
};

// What the rig says of pairs that are the same: connections of container to outside through a bridge, each pair
// measured as netrig run measures its first workload.
struct SelftestReport {
  SelftestOptions options;
  cni::Json machine;
  std::vector<Estimate> pairs;  // of rates
  double seconds = 0;
  CpuTime cpu;
};
[[nodiscard]] SelftestReport measure_nothing(const SelftestOptions& options,
                                             const Progress& progress);
[[nodiscard]] std::string as_table(const SelftestReport& report);
[[nodiscard]] cni::Json to_json(const SelftestReport& report);

}  // namespace linnet::rig
