// A run of known measurements: a host, a bridge, and an ipvlan that the kernel has not.
#pragma once

#include "rig/run_report.h"

namespace linnet::rig {

inline Series round_trips(double microseconds) {
  Series series;
  series.workload = "tcp_rr";
  series.samples = {{microseconds, microseconds, microseconds},
                    {microseconds, microseconds, microseconds}};
  for (int i = 0; i < 6; ++i) {
    series.latency.record(static_cast<std::uint64_t>(microseconds * 1000));
  }
  series.account.seconds = 0.5;
  series.account.client = {{"TcpOutSegs", 100}, {"TcpZero", 0}};
  series.account.cpu.user = 7;
  series.flows = {{.retransmits = 1, .reord_seen = 2, .dsack_dups = 3, .rtt_us = 4, .cwnd = 5}};
  return series;
}

inline RunReport known_run(double baseline_us, double bridge_us) {
  RunReport report;
  report.version = "0.0.0";
  report.started = "2026-01-02T03:04:05Z";
  report.machine = {{"kernel", "Linux 1 x"}, {"cpu", "some"}, {"cpus", 2}};
  report.options = {{"seed", 1}};
  report.canary_us = {20, 21};
  report.workloads = {{.name = "tcp_rr", .title = "TCP request/response"}};
  report.cases = {{"host", "to outside", "", nullptr, {round_trips(baseline_us)}},
                  {"bridge", "container to outside", "", {{"mtu", 1500}}, {round_trips(bridge_us)}},
                  {"ipvlan l2", "container to outside", "this kernel has no ipvlan", nullptr, {}}};
  return report;
}

}  // namespace linnet::rig
