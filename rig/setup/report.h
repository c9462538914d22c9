// Figures of a run, as a table or as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcni/json.h"
#include "rig/setup/process.h"

namespace linnet::rig::setup {

// What one folder did in one row. The measurements of all folders of a row were taken in turns: the
// one with the same number belongs to the same round.
struct Column {
  std::string folder;
  std::vector<Timing> timings;
  std::optional<Cost> cost;
};

struct Row {
  std::string scenario;
  std::string verb;
  int attachments = 0;  // that exist already
  std::vector<Column> columns;
};

struct Report {
  std::vector<Row> rows;
  std::vector<std::string> notes;  // what was left out and why
};

// Of a sorted or unsorted list that is not empty; nearest rank, `share` in 0..1.
[[nodiscard]] double quantile(std::vector<double> values, double share);

[[nodiscard]] std::string as_table(const Report& report);
[[nodiscard]] cni::Json as_json(const Report& report);

}  // namespace linnet::rig::setup
