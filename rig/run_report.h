// What netrig run has measured: every sample, and what is said of them. No kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcni/json.h"
#include "rig/accounting.h"
#include "rig/histogram.h"
#include "rig/statistics.h"

namespace linnet::rig {

enum class Unit {
  kMicroseconds,   // of a transaction
  kBitsPerSecond,  // that were received
};

struct Workload {
  std::string name;   // "tcp_rr"
  std::string title;  // for people
  Unit unit = Unit::kMicroseconds;
  int cpus = 1;             // that the two ends are pinned to; 0: not pinned
  bool closed_loop = true;  // rate and mean latency are each other's inverse
};

// One workload on one case.
struct Series {
  std::string workload;
  Rounds samples;           // in the workload's unit; the same place in each case: taken together
  Histogram latency;        // of transactions; empty for bulk data
  Histogram lateness;       // of the sender of an open loop
  Accounting account;       // of one stretch in which nothing else was measured
  double transactions = 0;  // of that stretch; 0 for bulk data
  std::vector<FlowInfo> flows;
  double load = 0;  // average of the last minute, afterwards
};

// NOLINTNEXTLINE(bugprone-exception-escape): null, Json's default value, allocates nothing
struct CaseReport {
  std::string topology;
  std::string way;
  std::string unavailable;  // why; empty: it was measured
  cni::Json link;           // describe_link() of the container's interface, null for the host
  std::vector<Series> series;

  [[nodiscard]] std::string label() const { return topology + ", " + way; }
  // Null when it was not measured.
  [[nodiscard]] const Series* find(std::string_view workload) const;
};

// Another program that measured the same in turns with netrig. Transactions or bits a second, of one round each.
struct Witness {
  std::string program;      // "netperf"
  std::string label;        // of the case
  std::string workload;     // the name of what netrig measured
  std::string unavailable;  // why nothing was measured; empty: it was
  std::vector<double> own;
  std::vector<double> theirs;
};
// netrig's rate in comparison with the other program's; absent for too few rounds.
[[nodiscard]] std::optional<Estimate> agreement_of(const Witness& witness);

// NOLINTNEXTLINE(bugprone-exception-escape): null, Json's default value, allocates nothing
struct RunReport {
  std::string version;  // of netrig
  std::string started;  // date and time, UTC
  cni::Json machine;    // describe_machine()
  cni::Json options;
  std::uint64_t seed = 1;
  double seconds = 0;             // that the run took
  CpuTime cpu;                    // of the whole run
  std::vector<double> canary_us;  // round trips of the loopback, before and after
  std::vector<Workload> workloads;
  std::vector<CaseReport> cases;  // the first is the baseline
  std::vector<Witness> witnesses;

  [[nodiscard]] const CaseReport* find(std::string_view label) const;
};

struct Quantile {
  const char* name;
  double share;
};
inline constexpr Quantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

// Of a case and the baseline, sample by sample; empty when one of them was not measured.
[[nodiscard]] Rounds speeds_of(const RunReport& report, const CaseReport& one,
                               const Workload& workload);

// Speed in comparison with the baseline, 1 for itself. Absent for a case that was not measured, and for too few samples.
[[nodiscard]] std::optional<Estimate> speed_of(const RunReport& report, const CaseReport& one,
                                               const Workload& workload);

// What was not measured and why, a line a topology, or a line a way where only some of them were not.
[[nodiscard]] std::vector<std::string> unavailable_ones(const RunReport& report);

// Transactions or bits a second: the median of the samples.
[[nodiscard]] double rate_of(const Series& series, const Workload& workload);

// Rate x mean latency of a closed loop, from the histogram on one side and the clock around whole blocks on the other:
// 1, or something else was measured than is said.
[[nodiscard]] double identity_of(const Series& series);

[[nodiscard]] cni::Json to_json(const RunReport& report);
// Throws cni::Error(kDecodingFailure) that names `source` and what is wrong in it.
[[nodiscard]] RunReport parse_run_report(const std::string& text, const std::string& source);

[[nodiscard]] std::string as_table(const RunReport& report);
// A line a case and workload, with a header.
[[nodiscard]] std::string as_csv(const RunReport& report);

}  // namespace linnet::rig
