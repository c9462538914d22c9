#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "rig/machine.h"
#include "rig/steering_matrix.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

using cni::Json;

// What a setting may cost of the request rate and still be called free.
constexpr double kFreeRate = 0.97;
// Fast retransmits of a run that are worth curing.
constexpr double kManyRetransmits = 100;

std::vector<double> counts(const SteeringRow& row, Counters Accounting::*side,
                           std::string_view name) {
  std::vector<double> values;
  for (const Bulk& bulk : row.bulks) {
    values.push_back(static_cast<double>(count_of(bulk.account.*side, name)));
  }
  return values;
}

std::vector<double> gigabits(const SteeringRow& row) {
  std::vector<double> values;
  for (const Bulk& bulk : row.bulks) {
    values.push_back(bulk.bits_per_second / 1e9);
  }
  return values;
}

std::vector<double> softirq_share(const SteeringRow& row) {
  std::vector<double> values;
  for (const Bulk& bulk : row.bulks) {
    values.push_back(100.0 * static_cast<double>(bulk.account.cpu.softirq) /
                     static_cast<double>(std::max<std::int64_t>(bulk.account.cpu.total, 1)));
  }
  return values;
}

std::string spread(const std::vector<double>& values, int digits) {
  return concat(fixed(*std::ranges::min_element(values), digits), "..",
                fixed(*std::ranges::max_element(values), digits));
}

std::string line_of(const SteeringRow& row) {
  std::string line = concat("  ", row.setting);
  line.resize(13, ' ');
  line += padded(spread(counts(row, &Accounting::client, "TcpRetransSegs"), 0), 13);
  line += padded(spread(counts(row, &Accounting::client, "TcpExtTCPFastRetrans"), 0), 13);
  line += padded(spread(counts(row, &Accounting::server, "TcpExtTCPOFOQueue"), 0), 13);
  line += padded(fixed(median(gigabits(row)), 1), 9);
  line += padded(fixed(median(softirq_share(row)), 0), 11);
  line += padded(fixed(1e6 / median(row.round_trip_us), 0), 11);
  if (row.setting == "off") {
    return line + "\n";
  }
  return concat(line, "    ", with_interval(row.rate_to_off), "  ", verdict(row.rate_to_off), "\n");
}

bool cures(const SteeringPath& path, const SteeringRow& row) {
  return median(counts(row, &Accounting::client, "TcpExtTCPFastRetrans")) * 100 <=
         median(counts(path.rows.front(), &Accounting::client, "TcpExtTCPFastRetrans"));
}

Json row_json(const SteeringRow& row) {
  Json bulks = Json::array();
  for (const Bulk& bulk : row.bulks) {
    bulks.push_back({{"bits_per_second", bulk.bits_per_second},
                     {"sender", bulk.account.client},
                     {"receiver", bulk.account.server},
                     {"cpu_ticks",
                      {{"total", bulk.account.cpu.total},
                       {"idle", bulk.account.cpu.idle},
                       {"softirq", bulk.account.cpu.softirq},
                       {"steal", bulk.account.cpu.steal}}}});
  }
  return {{"setting", row.setting},
          {"bulk", std::move(bulks)},
          {"round_trip_us", row.round_trip_us},
          {"rate_to_off",
           {{"median", row.rate_to_off.value},
            {"low", row.rate_to_off.interval.low},
            {"high", row.rate_to_off.interval.high}}}};
}

}  // namespace

std::string recommendation(const SteeringReport& report) {
  if (report.cpus < 2) {
    return "One CPU: nothing can be steered.";
  }
  std::string text;
  for (const SteeringPath& path : report.paths) {
    const double off =
        median(counts(path.rows.front(), &Accounting::client, "TcpExtTCPFastRetrans"));
    text += concat(path.name, ": ");
    if (off < kManyRetransmits) {
      text += "a migrating sender reorders nothing here worth curing; leave \"rps\" alone.\n";
      continue;
    }
    // The last that cures for nothing: "auto" before "follow", since it moves nothing else.
    const SteeringRow* best = nullptr;
    for (const SteeringRow& row : path.rows) {
      if (cures(path, row) && row.rate_to_off.interval.high >= kFreeRate) {
        best = &row;
      }
    }
    if (best == nullptr) {
      text +=
          "no setting cures reordering without a cost in the request rate; \"all\" for bulk "
          "only.\n";
      continue;
    }
    text +=
        concat("\"rps\": \"", best->setting, "\" takes ", fixed(off, 0), " fast retransmits to ",
               fixed(median(counts(*best, &Accounting::client, "TcpExtTCPFastRetrans")), 0), " at ",
               fixed(best->rate_to_off.value, 3), " of the request rate.\n");
  }
  if (report.flow_table_is_temporary) {
    text += concat("\"follow\" and \"auto\" need net.core.rps_sock_flow_entries, which was ",
                   report.flow_table, " for this run and is 0 on this machine otherwise.\n");
  }
  return text;
}

std::string as_table(const SteeringReport& report) {
  const CpuTime& cpu = report.cpu_time;
  std::string out = concat(
      kernel_name(), ", ", report.cpus, " CPUs, ", report.congestion_control, ", flow table ",
      report.flow_table, ", stolen ",
      fixed(100.0 * static_cast<double>(cpu.steal) /
                static_cast<double>(std::max<std::int64_t>(cpu.total, 1)),
            1),
      " %\nretransmits, fast ones, out of order: lowest and highest of ",
      report.options.bulk_rounds, " rounds of ",
      static_cast<long>(report.options.bulk_duration.count()),
      " ms, two bulk flows, senders moved\nevery 5 ms; Gbit/s, softirq (% of all CPUs): medians. ",
      "requests: a byte and back, both ends on CPU ", report.cpu,
      ", median rate;\nto off: paired within milliseconds, median and 95 % interval.\n");
  for (const SteeringPath& path : report.paths) {
    out += concat("\n", path.name,
                  "\n  rps          retransmits         fast out of order   Gbit/s  softirq %"
                  " requests/s   to off\n");
    for (const SteeringRow& row : path.rows) {
      out += line_of(row);
    }
  }
  return concat(out, "\n", recommendation(report));
}

cni::Json as_json(const SteeringReport& report) {
  Json paths = Json::array();
  for (const SteeringPath& path : report.paths) {
    Json rows = Json::array();
    for (const SteeringRow& row : path.rows) {
      rows.push_back(row_json(row));
    }
    paths.push_back({{"path", path.name}, {"rows", std::move(rows)}});
  }
  return {{"format", "linnet-rig-steering-1"},
          {"version", LINNET_VERSION},
          {"machine", kernel_name()},
          {"cpus", report.cpus},
          {"round_trip_cpu", report.cpu},
          {"congestion_control", report.congestion_control},
          {"flow_table",
           {{"entries", report.flow_table}, {"temporary", report.flow_table_is_temporary}}},
          {"options",
           {{"bulk_rounds", report.options.bulk_rounds},
            {"bulk_ms", report.options.bulk_duration.count()},
            {"cycles", report.options.cycles},
            {"round_trips", report.options.round_trips},
            {"connections", report.options.connections},
            {"seed", report.options.seed}}},
          {"paths", std::move(paths)},
          {"recommendation", recommendation(report)}};
}

}  // namespace linnet::rig
