#include "rig/chart.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

constexpr double kWidth = 360;
constexpr double kBarWidth = 250;  // the rest is for the text at a bar's end
constexpr double kRowHeight = 30;

std::string number(double value) { return fixed(value, 1); }

std::string text_at(double x, double y, const std::string& text, std::string_view attributes = "") {
  return concat("<text x=\"", number(x), "\" y=\"", number(y), "\" ", attributes, ">",
                escaped(text), "</text>\n");
}

std::string rectangle(double x, double y, double width, double height, const std::string& fill) {
  return concat("<rect x=\"", number(x), "\" y=\"", number(y), "\" width=\"",
                number(std::max(width, 0.0)), "\" height=\"", number(height), "\" fill=\"",
                escaped(fill), "\"/>\n");
}

std::string line(double x1, double y1, double x2, double y2, std::string_view kind) {
  return concat("<line x1=\"", number(x1), "\" y1=\"", number(y1), "\" x2=\"", number(x2),
                "\" y2=\"", number(y2), "\" class=\"", kind, "\"/>\n");
}

std::string svg(const std::string& title, double height, const std::string& content) {
  return concat("<svg viewBox=\"0 0 ", number(kWidth), " ", number(height),
                "\" role=\"img\" aria-label=\"", escaped(title), "\">\n", content, "</svg>\n");
}

// Names with their colours, in lines that are not too long; moves `y` below them.
std::string legend(const std::vector<std::pair<std::string, std::string>>& entries, double& y) {
  std::string out;
  double x = 0;
  for (const auto& [label, fill] : entries) {
    const double width = 22 + 6.2 * static_cast<double>(label.size());
    if (x > 0 && x + width > kWidth) {
      x = 0;
      y += 16;
    }
    out += rectangle(x, y - 8, 10, 10, fill) + text_at(x + 14, y, label);
    x += width;
  }
  y += 12;
  return out;
}

// Of a power of ten; short, for an axis.
std::string duration_text(double microseconds) {
  if (microseconds >= 1e6) {
    return fixed(microseconds / 1e6, 0) + " s";
  }
  return microseconds >= 1000 ? fixed(microseconds / 1000, 0) + " ms"
                              : fixed(microseconds, microseconds < 1 ? 1 : 0) + " us";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char each : text) {
    switch (each) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += each;
    }
  }
  return out;
}

std::string colour(std::size_t number) {
  static const std::vector<std::string> kColours = {"#999999", "#0072b2", "#56b4e9", "#009e73",
                                                    "#e69f00", "#d55e00", "#cc79a7", "#7a5195"};
  return kColours[number % kColours.size()];
}

std::string draw(const BarChart& chart) {
  double largest = chart.mark.value_or(0);
  for (const Bar& bar : chart.bars) {
    largest = std::max({largest, bar.value, bar.interval ? bar.interval->high : 0});
  }
  const auto x_of = [&](double value) { return kBarWidth * value / std::max(largest, 1e-9); };
  std::string out;
  double y = 0;
  if (chart.mark) {
    // First, so that it is behind everything.
    out += line(x_of(*chart.mark), 0, x_of(*chart.mark),
                kRowHeight * static_cast<double>(chart.bars.size()), "mark");
  }
  for (const Bar& bar : chart.bars) {
    out += text_at(0, y + 11, bar.label);
    out += rectangle(0, y + 15, x_of(bar.value), 10, bar.fill);
    if (bar.interval) {
      const double low = x_of(bar.interval->low);
      const double high = x_of(bar.interval->high);
      out += line(low, y + 20, high, y + 20, "whisker") +
             line(low, y + 17, low, y + 23, "whisker") +
             line(high, y + 17, high, y + 23, "whisker");
    }
    out += text_at(x_of(std::max(bar.value, bar.interval ? bar.interval->high : 0)) + 5, y + 24,
                   bar.text, "class=\"value\"");
    y += kRowHeight;
  }
  return svg(chart.title, y + 4, out);
}

std::string draw(const StackChart& chart) {
  double largest = 1e-9;
  for (const StackChart::Row& row : chart.rows) {
    double sum = 0;
    for (const double value : row.values) {
      sum += value;
    }
    largest = std::max(largest, sum);
  }
  std::vector<std::pair<std::string, std::string>> entries;
  for (std::size_t i = 0; i < chart.parts.size(); ++i) {
    entries.emplace_back(chart.parts[i], colour(i + 1));
  }
  double y = 10;
  std::string out = legend(entries, y);
  for (const StackChart::Row& row : chart.rows) {
    out += text_at(0, y + 11, row.label);
    double x = 0;
    double sum = 0;
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const double width = kBarWidth * row.values[i] / largest;
      out += rectangle(x, y + 15, width, 10, colour(i + 1));
      x += width;
      sum += row.values[i];
    }
    out += text_at(x + 5, y + 24, concat(fixed(sum, 1), chart.unit), "class=\"value\"");
    y += kRowHeight;
  }
  return svg(chart.title, y + 4, out);
}

std::string draw(const CurveChart& chart) {
  constexpr double kLeft = 46;
  constexpr double kHeight = 200;
  constexpr double kTop = 6;
  double lowest = 1e18;
  double highest = 0;
  std::vector<std::pair<std::string, std::string>> entries;
  for (const CurveChart::Curve& curve : chart.curves) {
    entries.emplace_back(curve.label, curve.stroke);
    for (const auto& [share, value] : curve.points) {
      lowest = std::min(lowest, value);
      highest = std::max(highest, value);
    }
  }
  if (highest <= 0) {
    return "";
  }
  const double first = std::floor(std::log10(std::max(lowest, 0.001)));
  const double last = std::max(std::ceil(std::log10(highest)), first + 1);
  const auto x_of = [&](double share) {
    return kLeft + (kWidth - kLeft - 10) * std::min(-std::log10(1 - share), 4.0) / 4;
  };
  const auto y_of = [&](double value) {
    return kTop + kHeight * (1 - (std::log10(std::max(value, 0.001)) - first) / (last - first));
  };
  std::string out;
  for (int power = static_cast<int>(first); power <= static_cast<int>(last); ++power) {
    const double y = y_of(std::pow(10, power));
    out += line(kLeft, y, kWidth, y, "grid");
    out += text_at(kLeft - 4, y + 4, duration_text(std::pow(10, power)), "text-anchor=\"end\"");
  }
  for (const auto& [share, label] : std::vector<std::pair<double, std::string>>{
           {0, "min"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}}) {
    out += line(x_of(share), kTop, x_of(share), kTop + kHeight, "grid");
    out += text_at(x_of(share), kTop + kHeight + 14, label, "text-anchor=\"middle\"");
  }
  for (const CurveChart::Curve& curve : chart.curves) {
    out += concat("<polyline class=\"curve\" stroke=\"", escaped(curve.stroke), "\" points=\"");
    for (const auto& [share, value] : curve.points) {
      out += concat(number(x_of(share)), ",", number(y_of(value)), " ");
    }
    out += "\"/>\n";
  }
  double y = kTop + kHeight + 34;
  out += legend(entries, y);
  return svg(chart.title, y, out);
}

}  // namespace linnet::rig
