// Charts as SVG, 360 units wide, that stand in an HTML page: readable on a phone and in print.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rig/statistics.h"

namespace linnet::rig {

// Text as HTML and SVG take it, whatever it is.
[[nodiscard]] std::string escaped(std::string_view text);

// The colour of the nth thing, told apart also by who sees few colours.
// Source: Okabe, Ito, Color Universal Design.
[[nodiscard]] std::string colour(std::size_t number);

struct Bar {
  std::string label;
  double value = 0;
  std::optional<Interval> interval = {};
  std::string text;  // at its end
  std::string fill;
};
struct BarChart {
  std::string title;  // for who cannot see it
  std::vector<Bar> bars;
  std::optional<double> mark = {};  // a line at this value
};
// Horizontal, from 0.
[[nodiscard]] std::string draw(const BarChart& chart);

struct StackChart {
  std::string title;
  std::vector<std::string> parts;  // of the legend
  struct Row {
    std::string label;
    std::vector<double> values;  // of each part
  };
  std::vector<Row> rows;
  std::string unit;
};
[[nodiscard]] std::string draw(const StackChart& chart);

// Latencies by percentile: both axes logarithmic, the first of what is left over.
struct CurveChart {
  std::string title;
  struct Curve {
    std::string label;
    std::vector<std::pair<double, double>> points;  // share (0..1), microseconds
    std::string stroke;
  };
  std::vector<Curve> curves;
};
[[nodiscard]] std::string draw(const CurveChart& chart);

}  // namespace linnet::rig
