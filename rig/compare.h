// Two files of netrig run side by side.
#pragma once

#include "rig/run_report.h"

namespace linnet::rig {

// One case and workload that both have.
struct Change {
  std::string label;  // of the case
  const Workload* workload = nullptr;
  double rate_before = 0;
  double rate_after = 0;
  // Speed in comparison with the run's own baseline, after in comparison with before: what the machine did to both
  // is not in it. Of the baseline itself: absent.
  std::optional<Estimate> speed;
};

struct Comparison {
  std::vector<Change> changes;
  std::vector<std::string>
      notes;  // what only one of the two has, and what makes them hard to compare
};

// `before` outlives the result. The interval is that of the quotient of two medians, each drawn from its own run.
[[nodiscard]] Comparison compare(const RunReport& before, const RunReport& after);

[[nodiscard]] std::string as_table(const Comparison& comparison);
[[nodiscard]] cni::Json to_json(const Comparison& comparison);

}  // namespace linnet::rig
