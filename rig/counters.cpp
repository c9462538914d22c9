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
    result[name] -= value;
  }
  return result;
}

std::int64_t count_of(const Counters& counters, std::string_view name) {
  const auto found = counters.find(name);
  return found == counters.end() ? 0 : found->second;
}

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
    time.total += ticks[i];
  }
  time.idle = ticks[3] + ticks[4];
  time.softirq = ticks[6];
  time.steal = ticks[7];
  return time;
}

CpuTime read_cpu_time() { return parse_cpu_time(read_file("/proc/stat", kLongestText)); }

}  // namespace linnet::rig
