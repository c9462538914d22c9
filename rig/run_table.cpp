#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "rig/run_report.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

constexpr std::size_t kLabelWidth = 41;

std::string percent(std::int64_t part, std::int64_t whole) {
  return fixed(
      100.0 * static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(whole, 1)), 1);
}

std::string cpus_text(const Workload& workload) {
  if (workload.cpus == 0) {
    return "not pinned";
  }
  return workload.cpus == 1 ? "both ends on one CPU" : "an end on each of two CPUs";
}

std::string header_of(const Workload& workload) {
  std::string line = padded_behind(concat("  ", workload.title, ", ", cpus_text(workload)), 0);
  line += "\n" + padded_behind("", kLabelWidth);
  if (workload.unit == Unit::kBitsPerSecond) {
    return line + " Gbit/s  retrans  of segs %  spurious  reord  softirq %  speed [95 %]\n";
  }
  return line + (workload.closed_loop ? "  rate/s" : " mean us") +
         "   p50 us   p90 us   p99 us p99.9 us   max us" +
         (workload.closed_loop ? " rate*lat " : "") + "  speed [95 %]\n";
}

std::string latency_columns(const Series& series, const Workload& workload) {
  std::string line = workload.closed_loop ? padded(fixed(rate_of(series, workload), 0), 8)
                                          : padded(fixed(series.latency.mean() / 1000, 1), 8);
  for (const Quantile& quantile : kQuantiles) {
    line +=
        padded(fixed(static_cast<double>(series.latency.value_at(quantile.share)) / 1000, 1), 9);
  }
  line += padded(fixed(static_cast<double>(series.latency.max()) / 1000, 0), 9);
  if (!workload.closed_loop) {
    return line;
  }
  const double identity = identity_of(series);
  return concat(line, padded(fixed(identity, 3), 9), std::abs(identity - 1) > 0.02 ? "!" : " ");
}

std::string bulk_columns(const Series& series, const Workload& workload) {
  const Counters& sender = series.account.client;
  const std::int64_t retransmits = count_of(sender, "TcpRetransSegs");
  const auto text = [](std::int64_t value) { return fixed(static_cast<double>(value), 0); };
  return padded(fixed(rate_of(series, workload) / 1e9, 2), 7) + padded(text(retransmits), 9) +
         padded(percent(retransmits, count_of(sender, "TcpOutSegs")), 11) +
         padded(text(spurious_retransmits(sender)), 10) +
         padded(text(count_of(sender, "TcpExtTCPSACKReorder") +
                     count_of(sender, "TcpExtTCPTSReorder")),
                7) +
         padded(percent(series.account.cpu.softirq, series.account.cpu.total), 11);
}

std::string line_of(const RunReport& report, const CaseReport& one, const Workload& workload) {
  std::string line = padded_behind(concat("  ", one.label()), kLabelWidth);
  const Series* const series = one.find(workload.name);
  if (series == nullptr) {
    return concat(line, "  not measured\n");
  }
  line += workload.unit == Unit::kBitsPerSecond ? bulk_columns(*series, workload)
                                                : latency_columns(*series, workload);
  if (&one == &report.cases.front()) {
    return line + "  1, the baseline\n";
  }
  const std::optional<Estimate> speed = speed_of(report, one, workload);
  return concat(
      line, "  ",
      speed ? concat(with_interval(*speed), " ", verdict(*speed)) : "too few samples to tell",
      "\n");
}

std::string csv_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char each : text) {
    out += each == '"' ? "\"\"" : std::string(1, each);
  }
  return out + "\"";
}

std::string line_of(const RunReport& report, const Witness& witness) {
  std::string line =
      padded_behind(concat("  ", witness.label, ", ", witness.workload), kLabelWidth) +
      padded_behind(" " + witness.program, 10);
  if (witness.own.empty() || witness.theirs.empty()) {
    return concat(line, witness.unavailable, "\n");
  }
  const auto workload = std::ranges::find(report.workloads, witness.workload, &Workload::name);
  const bool bulk = workload != report.workloads.end() && workload->unit == Unit::kBitsPerSecond;
  const auto rate = [&](const std::vector<double>& rates) {
    return padded(bulk ? fixed(median(rates) / 1e9, 2) : fixed(median(rates), 0), 10);
  };
  const std::optional<Estimate> agreement = agreement_of(witness);
  return concat(line, rate(witness.theirs), rate(witness.own), "  ",
                agreement ? with_interval(*agreement) : "too few rounds to tell", "\n");
}

}  // namespace

std::string as_table(const RunReport& report) {
  const std::vector<double>& canary = report.canary_us;
  std::string out =
      concat(report.machine.value("kernel", "?"), ", ", report.machine.value("cpu", "?"), ", ",
             report.machine.value("cpus", 0), " CPUs, ", fixed(report.seconds, 0), " s, stolen ",
             percent(report.cpu.steal, report.cpu.total), " %\n");
  if (canary.size() == 2) {
    out += concat("loopback round trip before and after: ", fixed(canary[0], 1), " and ",
                  fixed(canary[1], 1), " us\n");
  }
  out +=
      "speed: rate in comparison with the first row, in turns within the same run, median and 95 % "
      "interval;\n\"host, to outside, again\" is the first row once more: what the rig itself "
      "cannot "
      "tell apart.\n";
  for (const Workload& workload : report.workloads) {
    out += "\n" + header_of(workload);
    for (const CaseReport& one : report.cases) {
      out += one.unavailable.empty() ? line_of(report, one, workload) : "";
    }
  }
  if (!report.witnesses.empty()) {
    out += concat("\n", padded_behind("  witnesses, in turns with netrig", kLabelWidth + 10),
                  "    theirs    netrig  netrig in comparison [95 %]\n");
    for (const Witness& witness : report.witnesses) {
      out += line_of(report, witness);
    }
  }
  for (const std::string& line : unavailable_ones(report)) {
    out += concat("\nnot available: ", line);
  }
  return out.ends_with('\n') ? out : out + "\n";
}

std::string as_csv(const RunReport& report) {
  std::string out =
      "topology,way,workload,cpus,unit,rate,speed,speed_low,speed_high,mean_us,p50_us,p90_us,p99_"
      "us,"
      "p99.9_us,max_us,seconds,retransmits,segments,spurious,reorder,user_ticks,system_ticks,"
      "softirq_ticks,context_switches\n";
  for (const Workload& workload : report.workloads) {
    for (const CaseReport& one : report.cases) {
      const Series* const series = one.find(workload.name);
      if (series == nullptr) {
        continue;
      }
      const std::optional<Estimate> speed = speed_of(report, one, workload);
      out += concat(csv_quoted(one.topology), ",", csv_quoted(one.way), ",", workload.name, ",",
                    workload.cpus, ",", workload.unit == Unit::kMicroseconds ? "us" : "bit/s", ",",
                    fixed(rate_of(*series, workload), 1), ",");
      out += speed ? concat(fixed(speed->value, 4), ",", fixed(speed->interval.low, 4), ",",
                            fixed(speed->interval.high, 4), ",")
                   : ",,,";
      const Histogram& latency = series->latency;
      out += fixed(latency.mean() / 1000, 2);
      for (const Quantile& quantile : kQuantiles) {
        out += "," + fixed(static_cast<double>(latency.value_at(quantile.share)) / 1000, 2);
      }
      const Accounting& account = series->account;
      out += concat(",", fixed(static_cast<double>(latency.max()) / 1000, 2), ",",
                    fixed(account.seconds, 3));
      for (const std::int64_t value :
           {count_of(account.client, "TcpRetransSegs"), count_of(account.client, "TcpOutSegs"),
            spurious_retransmits(account.client),
            count_of(account.client, "TcpExtTCPSACKReorder") +
                count_of(account.client, "TcpExtTCPTSReorder"),
            account.cpu.user, account.cpu.system, account.cpu.softirq,
            count_of(account.machine, "contextSwitches")}) {
        out += concat(",", value);
      }
      out += "\n";
    }
  }
  return out;
}

}  // namespace linnet::rig
