#include "rig/compare.h"

#include <string_view>

#include "base/text.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

void note_differences(const RunReport& before, const RunReport& after, Comparison& comparison) {
  for (const char* const key : {"kernel", "cpu", "cpus", "sysctls"}) {
    const cni::Json* const a = cni::find_key(before.machine, key);
    const cni::Json* const b = cni::find_key(after.machine, key);
    if (a != nullptr && b != nullptr && *a != *b) {
      comparison.notes.push_back(concat("another ", key, ": ", a->dump(), ", then ", b->dump()));
    }
  }
  if (before.version != after.version) {
    comparison.notes.push_back(
        concat("another version of netrig: ", before.version, ", then ", after.version));
  }
  for (const CaseReport& one : before.cases) {
    if (one.unavailable.empty() && after.find(one.label()) == nullptr) {
      comparison.notes.push_back(concat(one.label(), ": only before"));
    }
  }
  for (const CaseReport& one : after.cases) {
    if (one.unavailable.empty() && before.find(one.label()) == nullptr) {
      comparison.notes.push_back(concat(one.label(), ": only after"));
    }
  }
}

}  // namespace

Comparison compare(const RunReport& before, const RunReport& after) {
  Comparison comparison;
  note_differences(before, after, comparison);
  for (const Workload& workload : before.workloads) {
    for (const CaseReport& one : before.cases) {
      const CaseReport* const other = after.find(one.label());
      const Series* const a = one.find(workload.name);
      const Series* const b = other == nullptr ? nullptr : other->find(workload.name);
      if (a == nullptr || b == nullptr) {
        continue;
      }
      Change change{one.label(), &workload, rate_of(*a, workload), rate_of(*b, workload), {}};
      const Rounds speed_before = speeds_of(before, one, workload);
      const Rounds speed_after = speeds_of(after, *other, workload);
      if (&one != &before.cases.front() && all_of(speed_before).size() >= kFewestForInterval &&
          all_of(speed_after).size() >= kFewestForInterval) {
        change.speed = bootstrap_quotient(speed_after, speed_before, before.seed);
      }
      comparison.changes.push_back(std::move(change));
    }
  }
  return comparison;
}

std::string as_table(const Comparison& comparison) {
  std::string out =
      "rates before and after; then speed in comparison with the run's own baseline, after in "
      "comparison with before,\nmedian and 95 % interval\n";
  std::optional<std::string_view> heading;
  for (const Change& change : comparison.changes) {
    const Workload& workload = *change.workload;
    if (heading != workload.name) {
      heading = workload.name;
      out += concat("\n  ", workload.title, workload.cpus == 2 ? ", two CPUs" : "", "\n");
    }
    const bool bulk = workload.unit == Unit::kBitsPerSecond;
    const auto rate = [&](double value) {
      return padded(bulk ? fixed(value / 1e9, 2) + " Gbit/s" : fixed(value, 0) + "/s", 14);
    };
    out += concat(padded_behind("  " + change.label, 41), rate(change.rate_before),
                  rate(change.rate_after), "  ",
                  change.speed ? concat(with_interval(*change.speed), " ", verdict(*change.speed))
                               : "the baseline",
                  "\n");
  }
  for (const std::string& note : comparison.notes) {
    out += concat("\nnote: ", note);
  }
  return comparison.notes.empty() ? out : out + "\n";
}

cni::Json to_json(const Comparison& comparison) {
  cni::Json changes = cni::Json::array();
  for (const Change& change : comparison.changes) {
    cni::Json json = {{"case", change.label},
                      {"workload", change.workload->name},
                      {"rate_before", change.rate_before},
                      {"rate_after", change.rate_after}};
    if (change.speed) {
      json["speed"] = {{"median", change.speed->value},
                       {"low", change.speed->interval.low},
                       {"high", change.speed->interval.high},
                       {"verdict", verdict(*change.speed)}};
    }
    changes.push_back(std::move(json));
  }
  return {{"format", "linnet-rig-compare-1"},
          {"changes", std::move(changes)},
          {"notes", comparison.notes}};
}

}  // namespace linnet::rig
