// What receive steering of a container's pair buys and costs on this machine: the settings side by side, in turns, in one
// run. Why they are what they are: docs/receive-steering.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rig/statistics.h"
#include "rig/traffic.h"

namespace linnet::rig {

struct SteeringOptions {
  std::vector<std::string> plugin_path;
  std::uint32_t flow_table = 32768;  // entries, where the machine has none
  int bulk_rounds = 5;
  std::chrono::milliseconds bulk_duration{2000};
  int cycles = 300;      // of round trips: a block of each connection a cycle
  int round_trips = 40;  // of a block
  int connections = 4;   // of each setting: the hash of a flow decides where it goes
  std::uint64_t seed = 1;
};

// One setting on one path.
struct SteeringRow {
  std::string setting;
  std::vector<Bulk> bulks;            // one a round, the sender migrating
  std::vector<double> round_trip_us;  // one a cycle, the mean of the connections
  Estimate rate_to_off;               // of requests, with "off" of the same cycle; 1 for itself
};

struct SteeringPath {
  std::string name;
  std::vector<SteeringRow> rows;  // "off" first
};

struct SteeringReport {
  SteeringOptions options;
  std::uint32_t flow_table = 0;  // entries while it was measured
  bool flow_table_is_temporary = false;
  std::string congestion_control;
  unsigned cpu = 0;      // of the round trips
  std::size_t cpus = 0;  // that senders were moved between
  std::vector<SteeringPath> paths;
  CpuTime cpu_time;  // of the whole run
};

// Attaches containers by bridge with masquerading and host-local and measures. `progress` gets a line a step.
// Throws SystemError, cni::Error.
[[nodiscard]] SteeringReport measure_steering(
    const SteeringOptions& options, const std::function<void(const std::string&)>& progress);

// In words, for this machine.
[[nodiscard]] std::string recommendation(const SteeringReport& report);

[[nodiscard]] std::string as_table(const SteeringReport& report);
[[nodiscard]] cni::Json as_json(const SteeringReport& report);

}  // namespace linnet::rig
