// The kernel's own counts: of TCP in a network namespace, and of the CPUs' time.
// Source: proc(5); Documentation/networking/snmp_counter.rst.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
  std::int64_t user = 0;  // guests and nice processes included
  std::int64_t system = 0;
  std::int64_t irq = 0;
  friend CpuTime operator-(const CpuTime& after, const CpuTime& before);
  friend CpuTime operator+(const CpuTime& a, const CpuTime& b);
};

// The first line of /proc/stat; zeros for another text.
[[nodiscard]] CpuTime parse_cpu_time(std::string_view text);
[[nodiscard]] CpuTime read_cpu_time();

// "contextSwitches", "interrupts" and "softirqs" of a text of /proc/stat.
[[nodiscard]] Counters parse_stat(std::string_view text);
// The text of /proc/softirqs or /proc/interrupts: a header with the CPUs, then "NAME: a number for each CPU", summed.
// A numbered interrupt gets the last word of its line as well ("24 virtio0-input.0"). `prefix` is put in front.
[[nodiscard]] Counters parse_per_cpu(std::string_view text, std::string_view prefix);
// "softnetDropped" and "softnetTimeSqueeze" of all CPUs, from the text of /proc/net/softnet_stat.
[[nodiscard]] Counters parse_softnet(std::string_view text);
// All of these, of the whole machine.
[[nodiscard]] Counters read_machine_counters();

// Received and sent by one link.
struct LinkCounters {
  std::int64_t received_bytes = 0;
  std::int64_t received_packets = 0;
  std::int64_t receive_drops = 0;
  std::int64_t sent_bytes = 0;
  std::int64_t sent_packets = 0;
  std::int64_t send_drops = 0;
};
// Of a link in the text of /proc/net/dev; absent when it is not there.
[[nodiscard]] std::optional<LinkCounters> parse_link_counters(std::string_view text,
                                                              std::string_view link);

}  // namespace linnet::rig
