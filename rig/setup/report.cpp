#include "rig/setup/report.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "rig/machine.h"
#include "rig/wording.h"

namespace linnet::rig::setup {

namespace {

using cni::Json;

std::vector<double> figures(const Column& column, double Timing::*figure) {
  std::vector<double> values;
  for (const Timing& timing : column.timings) {
    values.push_back(timing.*figure);
  }
  return values;
}

// How often the first column fits into another, round by round.
std::vector<double> ratios(const Row& row, const Column& column) {
  std::vector<double> values;
  const std::vector<Timing>& first = row.columns.front().timings;
  for (std::size_t i = 0; i < std::min(first.size(), column.timings.size()); ++i) {
    values.push_back(column.timings[i].wall_us / first[i].wall_us);
  }
  return values;
}

std::string ratio_text(double ratio) { return fixed(ratio, ratio < 10 ? 2 : 1); }

std::string cost_text(const std::optional<Cost>& cost) {
  if (!cost) {
    return padded("", 29);
  }
  return padded(fixed(static_cast<double>(cost->peak_kib) / 1024, 1), 10) +
         padded(std::to_string(cost->syscalls), 12) + padded(std::to_string(cost->execs), 7);
}

std::string line_of(const Row& row, const Column& column) {
  const std::vector<double> wall = figures(column, &Timing::wall_us);
  std::string line = concat("  ", column.folder);
  line.resize(std::max<std::size_t>(line.size(), 48), ' ');
  line += padded(fixed(quantile(wall, 0.5) / 1000, 2), 10);
  line += padded(fixed(quantile(wall, 0.99) / 1000, 2), 10);
  line += padded(fixed(quantile(figures(column, &Timing::cpu_us), 0.5) / 1000, 2), 10);
  line += cost_text(column.cost);
  if (&column != &row.columns.front()) {
    const std::vector<double> times = ratios(row, column);
    line += concat(padded(ratio_text(quantile(times, 0.5)), 9), "x [",
                   ratio_text(quantile(times, 0.25)), "..", ratio_text(quantile(times, 0.75)), "]");
  }
  return line + "\n";
}

Json column_json(const Row& row, const Column& column) {
  Json json = {{"folder", column.folder}, {"rounds", column.timings.size()}};
  const std::vector<double> wall = figures(column, &Timing::wall_us);
  json["wall_us"] = {{"median", quantile(wall, 0.5)}, {"p99", quantile(wall, 0.99)}, {"all", wall}};
  json["cpu_us"] = {{"median", quantile(figures(column, &Timing::cpu_us), 0.5)}};
  if (column.cost) {
    json["peak_kib"] = column.cost->peak_kib;
    json["syscalls"] = column.cost->syscalls;
    json["execs"] = column.cost->execs;
  }
  if (&column != &row.columns.front()) {
    const std::vector<double> times = ratios(row, column);
    json["ratio_to_first"] = {{"median", quantile(times, 0.5)},
                              {"q1", quantile(times, 0.25)},
                              {"q3", quantile(times, 0.75)}};
  }
  return json;
}

}  // namespace

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::string as_table(const Report& report) {
  std::string out = concat(kernel_name(),
                           "\nwall: median and 99th percentile of one execution, start to reaped; "
                           "cpu: user and system time of it and its\nchildren. peak, syscalls and "
                           "execs: of a run of its own under ptrace. ratio: to the first folder, "
                           "median of\nthe rounds in which both took turns, and its quartiles.\n");
  const std::string* scenario = nullptr;
  for (const Row& row : report.rows) {
    if (scenario == nullptr || *scenario != row.scenario) {
      out += "\n" + row.scenario;
      out.resize(out.find_last_of('\n') + 1 + std::max<std::size_t>(row.scenario.size() + 1, 49),
                 ' ');
      out += "  wall ms    p99 ms    cpu ms  peak MiB    syscalls  execs     ratio [quartiles]\n";
    }
    scenario = &row.scenario;
    out += concat(" ", row.verb, ", ", row.attachments, " attached\n");
    for (const Column& column : row.columns) {
      out += line_of(row, column);
    }
  }
  for (const std::string& note : report.notes) {
    out += concat("\nnote: ", note);
  }
  return out + "\n";
}

Json as_json(const Report& report) {
  Json rows = Json::array();
  for (const Row& row : report.rows) {
    Json columns = Json::array();
    for (const Column& column : row.columns) {
      columns.push_back(column_json(row, column));
    }
    rows.push_back({{"scenario", row.scenario},
                    {"verb", row.verb},
                    {"attachments", row.attachments},
                    {"columns", std::move(columns)}});
  }
  return {{"machine", kernel_name()}, {"rows", std::move(rows)}, {"notes", report.notes}};
}

}  // namespace linnet::rig::setup
