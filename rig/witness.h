// Other programs that measure the same as netrig does, on the same way and CPUs, in turns with it: netperf and iperf3,
// where they are installed. Their programs and not iperf3's library, which would bring a TLS library into netrig.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rig/run_report.h"
#include "rig/traffic.h"

namespace linnet::rig {

struct WitnessOptions {
  int rounds = 16;  // of requests and answers
  int transactions = 4000;
  int bulk_rounds = 6;
  std::chrono::seconds bulk{1};
  Placement one_cpu;
  Placement two_cpus;
  std::vector<unsigned> all_cpus;
};

// netperf's TCP_RR against netrig's tcp_rr, and iperf3 with one flow against bulk_1, on one way whose name is `label`.
// A program that is not installed or says nothing of use is no error: `unavailable` says so. Moves the calling thread
// between CPUs. Throws SystemError.
[[nodiscard]] std::vector<Witness> ask_witnesses(const Host& host, const Path& path,
                                                 const std::string& label,
                                                 const WitnessOptions& options);

// Transactions a second from what netperf -v 0 -P 0 prints; absent for anything else.
[[nodiscard]] std::optional<double> parse_netperf(std::string_view text);
// Bits a second that the receiver counted, from what iperf3 -J prints; absent for anything else.
[[nodiscard]] std::optional<double> parse_iperf3(const std::string& text);

}  // namespace linnet::rig
