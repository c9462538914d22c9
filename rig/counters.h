// The kernel's own counts: of TCP in a network namespace, and of the CPUs' time.
// Source: proc(5); Documentation/networking/snmp_counter.rst.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace linnet::rig {

// "Tcp" + "RetransSegs", "TcpExt" + "TCPFastRetrans", …, as nstat(8) names them.
using Counters = std::map<std::string, std::int64_t, std::less<>>;

// The text of /proc/net/snmp or /proc/net/netstat: pairs of lines, names and values. What is not of that
// form is left out.
[[nodiscard]] Counters parse_counters(std::string_view text);

// Of the network namespace that the calling thread is in. Throws SystemError.
[[nodiscard]] Counters read_counters();

// after - before; names that only one of them has count from 0.
[[nodiscard]] Counters difference(const Counters& after, const Counters& before);

// 0 for a name that is not there.
[[nodiscard]] std::int64_t count_of(const Counters& counters, std::string_view name);

// Time of all CPUs since the machine started, in clock ticks.
struct CpuTime {
  std::int64_t total = 0;  // stolen time included
  std::int64_t idle = 0;   // waiting for I/O included
  std::int64_t softirq = 0;
  std::int64_t steal = 0;
};

// The first line of /proc/stat; zeros for another text.
[[nodiscard]] CpuTime parse_cpu_time(std::string_view text);
[[nodiscard]] CpuTime read_cpu_time();

}  // namespace linnet::rig
