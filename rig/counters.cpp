#include "rig/counters.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace linnet::rig {

namespace {

constexpr std::size_t kLongestText = 1 << 20;

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words = split(line, ' ');
  std::erase(words, "");
  return words;
}

// Counters of the kernel run over, too; so do differences of them.
void add_to(std::int64_t& sum, std::int64_t value) {
  sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                  static_cast<std::uint64_t>(value));
}

std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

}  // namespace

Counters parse_counters(std::string_view text) {
  Counters counters;
  const std::vector<std::string> lines = split(text, '\n');
  for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
    const std::vector<std::string> names = words_of(lines[i]);
    const std::vector<std::string> values = words_of(lines[i + 1]);
    if (names.empty() || names.size() != values.size() || names[0] != values[0] ||
        !names[0].ends_with(':')) {
      continue;
    }
    const std::string_view group = std::string_view(names[0]).substr(0, names[0].size() - 1);
    for (std::size_t k = 1; k < names.size(); ++k) {
      if (const auto value = parse_number<std::int64_t>(values[k])) {
        counters[concat(group, names[k])] = *value;
      }
    }
  }
  return counters;
}

Counters read_counters() {
  Counters counters = parse_counters(read_file("/proc/thread-self/net/snmp", kLongestText));
  counters.merge(parse_counters(read_file("/proc/thread-self/net/netstat", kLongestText)));
  return counters;
}

Counters difference(const Counters& after, const Counters& before) {
  Counters result = after;
  for (const auto& [name, value] : before) {
    std::int64_t& counter = result[name];
    counter = minus(counter, value);
  }
  return result;
}

std::int64_t count_of(const Counters& counters, std::string_view name) {
  const auto found = counters.find(name);
  return found == counters.end() ? 0 : found->second;
}

CpuTime operator-(const CpuTime& after, const CpuTime& before) {
  return {.total = minus(after.total, before.total),
          .idle = minus(after.idle, before.idle),
          .softirq = minus(after.softirq, before.softirq),
          .steal = minus(after.steal, before.steal),
          .user = minus(after.user, before.user),
          .system = minus(after.system, before.system),
          .irq = minus(after.irq, before.irq)};
}

CpuTime operator+(const CpuTime& a, const CpuTime& b) { return a - (CpuTime{} - b); }

CpuTime parse_cpu_time(std::string_view text) {
  const std::vector<std::string> words = words_of(text.substr(0, text.find('\n')));
  // user nice system idle iowait irq softirq steal; guest time is part of user time already.
  std::array<std::int64_t, 8> ticks{};
  if (words.size() < ticks.size() + 1 || words[0] != "cpu") {
    return {};
  }
  CpuTime time;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    ticks[i] = parse_number<std::int64_t>(words[i + 1]).value_or(0);
    add_to(time.total, ticks[i]);
  }
  time.user = ticks[0];
  add_to(time.user, ticks[1]);
  time.system = ticks[2];
  time.idle = ticks[3];
  add_to(time.idle, ticks[4]);
  time.irq = ticks[5];
  time.softirq = ticks[6];
  time.steal = ticks[7];
  return time;
}

CpuTime read_cpu_time() { return parse_cpu_time(read_file("/proc/stat", kLongestText)); }

Counters parse_stat(std::string_view text) {
  static const std::map<std::string_view, std::string> kNames = {
      {"ctxt", "contextSwitches"}, {"intr", "interrupts"}, {"softirq", "softirqs"}};
  Counters counters;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = words_of(line);
    const auto name = words.size() < 2 ? kNames.end() : kNames.find(words[0]);
    if (name != kNames.end()) {
      counters[name->second] = parse_number<std::int64_t>(words[1]).value_or(0);
    }
  }
  return counters;
}

Counters parse_per_cpu(std::string_view text, std::string_view prefix) {
  Counters counters;
  const std::vector<std::string> lines = split(text, '\n');
  const std::size_t cpus = words_of(lines.front()).size();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> words = words_of(lines[i]);
    if (words.empty() || !words[0].ends_with(':')) {
      continue;
    }
    std::string name = words[0].substr(0, words[0].size() - 1);
    std::int64_t sum = 0;
    for (std::size_t k = 1; k <= cpus && k < words.size(); ++k) {
      add_to(sum, parse_number<std::int64_t>(words[k]).value_or(0));
    }
    if (parse_number<unsigned>(name) && words.size() > cpus + 1) {
      name += concat(" ", words.back());
    }
    counters[concat(prefix, name)] = sum;
  }
  return counters;
}

Counters parse_softnet(std::string_view text) {
  Counters counters = {{"softnetDropped", 0}, {"softnetTimeSqueeze", 0}};
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() >= 3) {
      add_to(counters["softnetDropped"], parse_number<std::int64_t>(words[1], 16).value_or(0));
      add_to(counters["softnetTimeSqueeze"], parse_number<std::int64_t>(words[2], 16).value_or(0));
    }
  }
  return counters;
}

Counters read_machine_counters() {
  Counters counters = parse_stat(read_file("/proc/stat", kLongestText));
  counters.merge(parse_per_cpu(read_file("/proc/softirqs", kLongestText), "softirq "));
  counters.merge(parse_per_cpu(read_file("/proc/interrupts", kLongestText), "interrupt "));
  counters.merge(parse_softnet(read_file("/proc/net/softnet_stat", kLongestText)));
  return counters;
}

std::optional<LinkCounters> parse_link_counters(std::string_view text, std::string_view link) {
  for (const std::string& line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || trim(std::string_view(line).substr(0, colon)) != link) {
      continue;
    }
    const std::vector<std::string> words = words_of(std::string_view(line).substr(colon + 1));
    if (words.size() < 12) {
      continue;
    }
    const auto number = [&](std::size_t i) {
      return parse_number<std::int64_t>(words[i]).value_or(0);
    };
    // bytes packets errs drop fifo frame compressed multicast, twice but for the last three.
    return LinkCounters{.received_bytes = number(0),
                        .received_packets = number(1),
                        .receive_drops = number(3),
                        .sent_bytes = number(8),
                        .sent_packets = number(9),
                        .send_drops = number(11)};
  }
  return std::nullopt;
}

}  // namespace linnet::rig
