#include "rig/page.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "libcni/error.h"
#include "rig/chart.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>netrig report</title>
<style>
body { font: 16px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto; padding: 0 12px; max-width: 70rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 1.2rem 2.4rem; align-items: start; }
figure { margin: 0; break-inside: avoid; max-width: 520px; } figcaption { font-weight: 600; margin-bottom: .4rem; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; fill: #222; }
svg .value { fill: #444; } svg .whisker { stroke: #000; stroke-width: 1; }
svg .mark { stroke: #888; stroke-width: 1; stroke-dasharray: 3 3; } svg .grid { stroke: #ddd; stroke-width: 1; }
svg .curve { fill: none; stroke-width: 1.6; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem .15rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid #eee; }
th:first-child, td:first-child { text-align: left; }
@media print { body { font-size: 11px; max-width: none; } .scroll { overflow: visible; } h2 { break-after: avoid; } }
</style>
</head>
<body>
)";

std::string figure(const std::string& caption, const std::string& chart) {
  return concat("<figure><figcaption>", escaped(caption), "</figcaption>\n", chart, "</figure>\n");
}

std::string cpus_text(const Workload& workload) {
  if (workload.cpus == 0) {
    return ", not pinned";
  }
  return workload.cpus == 1 ? ", one CPU" : ", two CPUs";
}

// A colour for each topology, in the order of the cases.
class Colours {
 public:
  explicit Colours(const RunReport& report) {
    for (const CaseReport& one : report.cases) {
      numbers_.emplace(one.topology, numbers_.size());
    }
  }
  [[nodiscard]] std::string of(const CaseReport& one) const {
    return colour(numbers_.at(one.topology));
  }

 private:
  std::map<std::string, std::size_t> numbers_;
};

std::string speed_chart(const RunReport& report, const Workload& workload, const Colours& colours) {
  BarChart chart{.title = concat("speed, ", workload.title), .bars = {}, .mark = 1.0};
  for (const CaseReport& one : report.cases) {
    const Series* const series = one.find(workload.name);
    const std::optional<Estimate> speed = speed_of(report, one, workload);
    if (series == nullptr || !speed) {
      continue;
    }
    const bool is_baseline = &one == &report.cases.front();
    chart.bars.push_back({one.label(), speed->value,
                          is_baseline ? std::nullopt : std::optional<Interval>(speed->interval),
                          concat(fixed(speed->value, 3), is_baseline ? " baseline"
                                                         : verdict(*speed) == "no difference" ? " ="
                                                                                              : ""),
                          colours.of(one)});
  }
  return figure(workload.title + cpus_text(workload), draw(chart));
}

std::string latency_chart(const RunReport& report, const Workload& workload,
                          const Colours& colours) {
  CurveChart chart{.title = concat("latency by percentile, ", workload.title), .curves = {}};
  for (const CaseReport& one : report.cases) {
    const Series* const series = one.find(workload.name);
    if (series == nullptr || series->latency.count() == 0 || !one.way.ends_with("to outside")) {
      continue;
    }
    CurveChart::Curve& curve = chart.curves.emplace_back();
    curve.label = one.topology;
    curve.stroke = colours.of(one);
    for (const double share :
         {0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999}) {
      curve.points.emplace_back(share, static_cast<double>(series->latency.value_at(share)) / 1000);
    }
  }
  return chart.curves.empty()
             ? ""
             : figure(workload.title + cpus_text(workload) + ", to the outside", draw(chart));
}

std::string cpu_chart(const RunReport& report, const Workload& workload) {
  StackChart chart{.title = concat("CPU time, ", workload.title),
                   .parts = {"user", "system", "softirq", "interrupts", "stolen"},
                   .rows = {},
                   .unit = " %"};
  for (const CaseReport& one : report.cases) {
    if (const Series* const series = one.find(workload.name)) {
      const CpuTime& cpu = series->account.cpu;
      StackChart::Row& row = chart.rows.emplace_back();
      row.label = one.label();
      for (const std::int64_t ticks : {cpu.user, cpu.system, cpu.softirq, cpu.irq, cpu.steal}) {
        row.values.push_back(100 * static_cast<double>(ticks) /
                             static_cast<double>(std::max<std::int64_t>(cpu.total, 1)));
      }
    }
  }
  return figure(concat("CPU time of all CPUs, ", workload.title, cpus_text(workload)), draw(chart));
}

std::string retransmit_chart(const RunReport& report, const Workload& workload,
                             const Colours& colours) {
  BarChart chart{.title = concat("retransmits, ", workload.title), .bars = {}};
  for (const CaseReport& one : report.cases) {
    if (const Series* const series = one.find(workload.name)) {
      const auto count = static_cast<double>(count_of(series->account.client, "TcpRetransSegs"));
      const double per_second = count / std::max(series->account.seconds, 1e-9);
      chart.bars.push_back(
          {one.label(), per_second, {}, concat(fixed(per_second, 0), "/s"), colours.of(one)});
    }
  }
  return figure(concat("Segments sent again, ", workload.title, cpus_text(workload)), draw(chart));
}

std::string row_of(const std::vector<std::string>& cells, const std::string& tag) {
  std::string out = "<tr>";
  for (const std::string& cell : cells) {
    out += concat("<", tag, ">", escaped(cell), "</", tag, ">");
  }
  return out + "</tr>\n";
}

std::string table_of(const RunReport& report, const Workload& workload) {
  const bool bulk = workload.unit == Unit::kBitsPerSecond;
  std::string out = concat("<h2>", escaped(workload.title + cpus_text(workload)),
                           "</h2>\n<div class=\"scroll\"><table>\n");
  std::vector<std::string> header = {"", bulk ? "Gbit/s" : "rate/s"};
  if (bulk) {
    header.insert(header.end(), {"sent again", "of segments", "spurious"});
  } else {
    for (const Quantile& quantile : kQuantiles) {
      header.push_back(concat(quantile.name, " us"));
    }
    header.emplace_back("max us");
  }
  header.insert(header.end(), {"speed [95 %]", ""});
  out += row_of(header, "th");
  for (const CaseReport& one : report.cases) {
    const Series* const series = one.find(workload.name);
    if (series == nullptr) {
      continue;
    }
    std::vector<std::string> cells = {one.label()};
    if (bulk) {
      const Counters& client = series->account.client;
      const auto again = static_cast<double>(count_of(client, "TcpRetransSegs"));
      const auto segments = static_cast<double>(count_of(client, "TcpOutSegs"));
      cells.insert(cells.end(), {fixed(rate_of(*series, workload) / 1e9, 2), fixed(again, 0),
                                 fixed(100 * again / std::max(segments, 1.0), 2) + " %",
                                 concat(spurious_retransmits(client))});
    } else {
      cells.push_back(workload.closed_loop ? fixed(rate_of(*series, workload), 0) : "");
      for (const Quantile& quantile : kQuantiles) {
        cells.push_back(
            fixed(static_cast<double>(series->latency.value_at(quantile.share)) / 1000, 1));
      }
      cells.push_back(fixed(static_cast<double>(series->latency.max()) / 1000, 0));
    }
    const std::optional<Estimate> speed = speed_of(report, one, workload);
    const bool is_baseline = &one == &report.cases.front();
    cells.push_back(is_baseline || !speed ? "" : with_interval(*speed));
    cells.push_back(is_baseline ? "baseline" : speed ? verdict(*speed) : "too few samples");
    out += row_of(cells, "td");
  }
  return out + "</table></div>\n";
}

std::string steering_charts(const cni::Json& steering) {
  std::string out =
      "<h2>Retransmits by steering</h2>\n<p>Segments sent again by two bulk flows whose senders "
      "are "
      "moved between CPUs, the median of the rounds, by the setting of receive "
      "steering, and the rate of requests in comparison with none.</p>\n<div class=\"charts\">\n";
  for (const cni::Json& path : steering.at("paths")) {
    BarChart chart{.title = "retransmits by steering", .bars = {}};
    for (const cni::Json& row : path.at("rows")) {
      std::vector<double> counts;
      for (const cni::Json& bulk : row.at("bulk")) {
        counts.push_back(
            static_cast<double>(count_of(bulk.at("sender").get<Counters>(), "TcpRetransSegs")));
      }
      const double middle = counts.empty() ? 0 : median(counts);
      chart.bars.push_back({concat(row.at("setting").get<std::string>(), ", requests at ",
                                   fixed(row.at("rate_to_off").at("median").get<double>(), 2)),
                            middle,
                            {},
                            fixed(middle, 0),
                            colour(chart.bars.size())});
    }
    out += figure(path.at("path").get<std::string>(), draw(chart));
  }
  return out + "</div>\n";
}

std::string witness_table(const RunReport& report) {
  if (report.witnesses.empty()) {
    return "";
  }
  std::string out =
      "<h2>Witnesses</h2>\n<p>Other programs that measured the same in turns with netrig, and "
      "netrig's rate in comparison with theirs.</p>\n<div class=\"scroll\"><table>\n";
  out += row_of({"", "program", "its rate/s", "netrig", "in comparison [95 %]"}, "th");
  for (const Witness& witness : report.witnesses) {
    std::vector<std::string> cells = {concat(witness.label, ", ", witness.workload),
                                      witness.program};
    if (witness.own.empty() || witness.theirs.empty()) {
      cells.insert(cells.end(), {witness.unavailable, "", ""});
    } else {
      const std::optional<Estimate> agreement = agreement_of(witness);
      cells.insert(cells.end(), {fixed(median(witness.theirs), 0), fixed(median(witness.own), 0),
                                 agreement ? with_interval(*agreement) : "too few rounds"});
    }
    out += row_of(cells, "td");
  }
  return out + "</table></div>\n";
}

std::string introduction(const RunReport& report) {
  std::string canary;
  for (const double value : report.canary_us) {
    canary += concat(canary.empty() ? "" : " and ", fixed(value, 1));
  }
  std::string out = concat(
      "<h1>What container networks cost on this machine</h1>\n<p>",
      escaped(report.machine.value("kernel", "?")), ", ", escaped(report.machine.value("cpu", "?")),
      ", ", report.machine.value("cpus", 0), " CPUs. netrig ", escaped(report.version), ", ",
      escaped(report.started), ", ", fixed(report.seconds, 0),
      " s. A round trip over the loopback before and after the run: ", canary, " us. Stolen: ",
      fixed(100 * static_cast<double>(report.cpu.steal) /
                static_cast<double>(std::max<std::int64_t>(report.cpu.total, 1)),
            1),
      " % of the CPU time.</p>\n");
  std::string missing;
  for (const std::string& line : unavailable_ones(report)) {
    missing += concat("<li>", escaped(line), "</li>\n");
  }
  return missing.empty() ? out : concat(out, "<p>Not available:</p>\n<ul>\n", missing, "</ul>\n");
}

std::string page_of(const RunReport& report, const cni::Json& steering) {
  const Colours colours(report);
  std::string speeds;
  std::string latencies;
  std::string cpus;
  std::string retransmits;
  std::string tables;
  for (const Workload& workload : report.workloads) {
    speeds += speed_chart(report, workload, colours);
    cpus += cpu_chart(report, workload);
    tables += table_of(report, workload);
    (workload.unit == Unit::kMicroseconds ? latencies : retransmits) +=
        workload.unit == Unit::kMicroseconds ? latency_chart(report, workload, colours)
                                             : retransmit_chart(report, workload, colours);
  }
  const auto section = [](const char* title, const char* text, const std::string& charts) {
    return charts.empty() ? ""
                          : concat("<h2>", title, "</h2>\n<p>", text,
                                   "</p>\n<div class=\"charts\">\n", charts, "</div>\n");
  };
  return concat(
      kHead, introduction(report),
      section(
          "Speed",
          "Rate in comparison with the first row, taken in turns within one run: the median and "
          "its 95 % interval. \"=\": the interval covers 1, no difference. \"again\" is the "
          "first row once more.",
          speeds),
      section("Latency", "What share of requests was answered within what time.", latencies),
      section("Retransmits", "Segments that the sender sent a second time.", retransmits),
      steering.is_null() ? "" : steering_charts(steering),
      section("CPU time", "While only this was measured, in percent of all CPUs.", cpus), tables,
      witness_table(report), "</body>\n</html>\n");
}

}  // namespace

std::string as_page(const RunReport& report, const cni::Json& steering) {
  try {
    return page_of(report, steering);
  } catch (const cni::Json::exception& error) {
    throw cni::Error(cni::Code::kDecodingFailure, error.what());
  }
}

}  // namespace linnet::rig
