#include "rig/run_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text.h"
#include "libcni/error.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

using cni::Json;

constexpr const char* kFormat = "linnet-rig-run-1";

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Json rounded(const Rounds& rounds) {
  Json json = Json::array();
  for (const std::vector<double>& round : rounds) {
    Json values = Json::array();
    for (const double value : round) {
      values.push_back(std::round(value * 1000) / 1000);
    }
    json.push_back(std::move(values));
  }
  return json;
}

Json histogram_json(const Histogram& histogram) {
  return {{"max_ns", histogram.max()}, {"buckets_ns", histogram.buckets()}};
}

Json cpu_json(const CpuTime& cpu) {
  return {{"total", cpu.total},     {"idle", cpu.idle}, {"user", cpu.user},  {"system", cpu.system},
          {"softirq", cpu.softirq}, {"irq", cpu.irq},   {"steal", cpu.steal}};
}

Json counters_json(const Counters& counters) {
  Json json = Json::object();
  for (const auto& [name, value] : counters) {
    if (value != 0) {
      json[name] = value;
    }
  }
  return json;
}

Json flows_json(const std::vector<FlowInfo>& flows) {
  Json json = Json::array();
  for (const FlowInfo& flow : flows) {
    json.push_back({{"retransmits", flow.retransmits},
                    {"reord_seen", flow.reord_seen},
                    {"dsack_dups", flow.dsack_dups},
                    {"rtt_us", flow.rtt_us},
                    {"cwnd", flow.cwnd}});
  }
  return json;
}

Json summary_json(const RunReport& report, const CaseReport& one, const Series& series,
                  const Workload& workload) {
  Json summary = {{"rate", rate_of(series, workload)}};
  if (const std::optional<Estimate> speed = speed_of(report, one, workload)) {
    summary["speed"] = {{"median", speed->value},
                        {"low", speed->interval.low},
                        {"high", speed->interval.high},
                        {"verdict", verdict(*speed)}};
  }
  if (series.latency.count() > 0) {
    summary["latency_us"] = {{"mean", series.latency.mean() / 1000},
                             {"max", static_cast<double>(series.latency.max()) / 1000}};
    for (const Quantile& quantile : kQuantiles) {
      summary["latency_us"][quantile.name] =
          static_cast<double>(series.latency.value_at(quantile.share)) / 1000;
    }
  }
  if (workload.closed_loop) {
    summary["rate_times_latency"] = identity_of(series);
  }
  return summary;
}

Json witnesses_json(const std::vector<Witness>& witnesses) {
  Json json = Json::array();
  for (const Witness& witness : witnesses) {
    Json one = {{"program", witness.program},   {"case", witness.label},
                {"workload", witness.workload}, {"unavailable", witness.unavailable},
                {"own", witness.own},           {"theirs", witness.theirs}};
    if (const std::optional<Estimate> agreement = agreement_of(witness)) {
      one["own_to_theirs"] = {{"median", agreement->value},
                              {"low", agreement->interval.low},
                              {"high", agreement->interval.high}};
    }
    json.push_back(std::move(one));
  }
  return json;
}

Witness parse_witness(const Json& json) {
  return {.program = json.at("program"),
          .label = json.at("case"),
          .workload = json.at("workload"),
          .unavailable = json.at("unavailable"),
          .own = json.at("own").get<std::vector<double>>(),
          .theirs = json.at("theirs").get<std::vector<double>>()};
}

Json series_json(const RunReport& report, const CaseReport& one, const Series& series,
                 const Workload& workload) {
  return {{"workload", series.workload},
          {"samples", rounded(series.samples)},
          {"latency", histogram_json(series.latency)},
          {"lateness", histogram_json(series.lateness)},
          {"account",
           {{"seconds", series.account.seconds},
            {"client", counters_json(series.account.client)},
            {"server", counters_json(series.account.server)},
            {"machine", counters_json(series.account.machine)},
            {"cpu_ticks", cpu_json(series.account.cpu)}}},
          {"transactions", series.transactions},
          {"flows", flows_json(series.flows)},
          {"load", series.load},
          {"summary", summary_json(report, one, series, workload)}};
}

CpuTime parse_cpu(const Json& json) {
  return {.total = json.at("total"),
          .idle = json.at("idle"),
          .softirq = json.at("softirq"),
          .steal = json.at("steal"),
          .user = json.at("user"),
          .system = json.at("system"),
          .irq = json.at("irq")};
}

Histogram parse_histogram(const Json& json) {
  return {json.at("buckets_ns").get<Histogram::Buckets>(), json.at("max_ns")};
}

Series parse_series(const Json& json) {
  const Json& account = json.at("account");
  Series series;
  series.workload = json.at("workload");
  series.samples = json.at("samples").get<Rounds>();
  series.latency = parse_histogram(json.at("latency"));
  series.lateness = parse_histogram(json.at("lateness"));
  series.account = {.seconds = account.at("seconds"),
                    .client = account.at("client").get<Counters>(),
                    .server = account.at("server").get<Counters>(),
                    .machine = account.at("machine").get<Counters>(),
                    .cpu = parse_cpu(account.at("cpu_ticks"))};
  series.transactions = json.at("transactions");
  series.load = json.at("load");
  for (const Json& flow : json.at("flows")) {
    series.flows.push_back({.retransmits = flow.at("retransmits"),
                            .reord_seen = flow.at("reord_seen"),
                            .dsack_dups = flow.at("dsack_dups"),
                            .rtt_us = flow.at("rtt_us"),
                            .cwnd = flow.at("cwnd")});
  }
  return series;
}

void require_valid(bool valid, const char* what, const std::string& workload, const char* problem) {
  if (!valid) {
    throw cni::Error(cni::Code::kDecodingFailure, concat(what, workload, problem));
  }
}

void check_samples(const RunReport& report, const Series& series) {
  const auto workload = std::ranges::find(report.workloads, series.workload, &Workload::name);
  require_valid(workload != report.workloads.end(), "no workload is named ", series.workload, "");
  for (const std::vector<double>& round : series.samples) {
    require_valid(!round.empty(), "a round of ", series.workload, " is empty");
    for (const double value : round) {
      if (workload->unit == Unit::kMicroseconds) {
        require_valid(value > 0, "a time in ", series.workload, " is not above 0");
      } else {
        require_valid(value >= 0, "a rate in ", series.workload, " is below 0");
      }
    }
  }
}

Workload parse_workload(const Json& json) {
  return {.name = json.at("name"),
          .title = json.at("title"),
          .unit = json.at("unit") == "bit/s" ? Unit::kBitsPerSecond : Unit::kMicroseconds,
          .cpus = json.at("cpus"),
          .closed_loop = json.at("closed_loop")};
}

RunReport parse(const Json& json) {
  RunReport report;
  report.version = json.at("version");
  report.started = json.at("started");
  report.machine = json.at("machine");
  report.options = json.at("options");
  report.seed = report.options.at("seed");
  report.seconds = json.at("seconds");
  report.cpu = parse_cpu(json.at("cpu_ticks"));
  report.canary_us = json.at("canary_us").get<std::vector<double>>();
  for (const Json& workload : json.at("workloads")) {
    report.workloads.push_back(parse_workload(workload));
  }
  for (const Json& one : json.at("cases")) {
    CaseReport& to = report.cases.emplace_back();
    to.topology = one.at("topology");
    to.way = one.at("way");
    to.unavailable = one.at("unavailable");
    to.link = one.at("link");
    for (const Json& series : one.at("series")) {
      to.series.push_back(parse_series(series));
      check_samples(report, to.series.back());
    }
  }
  if (const Json* const witnesses = cni::find_key(json, "witnesses")) {
    for (const Json& witness : *witnesses) {
      report.witnesses.push_back(parse_witness(witness));
    }
  }
  return report;
}

}  // namespace

std::optional<Estimate> agreement_of(const Witness& witness) {
  const std::vector<double> ratios = paired_ratios(witness.theirs, witness.own);
  if (ratios.size() < kFewestForInterval) {
    return std::nullopt;
  }
  return order_statistics_median(ratios);
}

const Series* CaseReport::find(std::string_view workload) const {
  for (const Series& one : series) {
    if (one.workload == workload && !one.samples.empty()) {
      return &one;
    }
  }
  return nullptr;
}

const CaseReport* RunReport::find(std::string_view label) const {
  for (const CaseReport& one : cases) {
    if (one.label() == label) {
      return &one;
    }
  }
  return nullptr;
}

std::vector<std::string> unavailable_ones(const RunReport& report) {
  std::vector<std::string> lines;
  for (const CaseReport& one : report.cases) {
    const bool whole_topology = std::ranges::all_of(report.cases, [&](const CaseReport& other) {
      return other.topology != one.topology || other.unavailable == one.unavailable;
    });
    std::string line = concat(whole_topology ? one.topology : one.label(), ": ", one.unavailable);
    if (!one.unavailable.empty() && (lines.empty() || lines.back() != line)) {
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

Rounds speeds_of(const RunReport& report, const CaseReport& one, const Workload& workload) {
  const Series* const own = one.find(workload.name);
  const Series* const base =
      report.cases.empty() ? nullptr : report.cases.front().find(workload.name);
  if (own == nullptr || base == nullptr) {
    return {};
  }
  // A time is better the shorter it is.
  return workload.unit == Unit::kMicroseconds ? paired_ratios(own->samples, base->samples)
                                              : paired_ratios(base->samples, own->samples);
}

std::optional<Estimate> speed_of(const RunReport& report, const CaseReport& one,
                                 const Workload& workload) {
  const Rounds speeds = speeds_of(report, one, workload);
  if (all_of(speeds).size() < kFewestForInterval) {
    return std::nullopt;
  }
  // One sample a round: too few for a bootstrap.
  return all_of(speeds).size() == speeds.size() ? order_statistics_median(all_of(speeds))
                                                : bootstrap_median(speeds, report.seed);
}

double rate_of(const Series& series, const Workload& workload) {
  const double middle = median(all_of(series.samples));
  return workload.unit == Unit::kMicroseconds ? 1e6 / middle : middle;
}

double identity_of(const Series& series) {
  return series.latency.mean() / 1000 / mean(all_of(series.samples));
}

Json to_json(const RunReport& report) {
  Json workloads = Json::array();
  for (const Workload& workload : report.workloads) {
    workloads.push_back({{"name", workload.name},
                         {"title", workload.title},
                         {"unit", workload.unit == Unit::kMicroseconds ? "us" : "bit/s"},
                         {"cpus", workload.cpus},
                         {"closed_loop", workload.closed_loop}});
  }
  Json cases = Json::array();
  for (const CaseReport& one : report.cases) {
    Json all = Json::array();
    for (const Workload& workload : report.workloads) {
      if (const Series* const series = one.find(workload.name)) {
        all.push_back(series_json(report, one, *series, workload));
      }
    }
    cases.push_back({{"topology", one.topology},
                     {"way", one.way},
                     {"unavailable", one.unavailable},
                     {"link", one.link},
                     {"series", std::move(all)}});
  }
  return {{"format", kFormat},
          {"version", report.version},
          {"started", report.started},
          {"machine", report.machine},
          {"options", report.options},
          {"seconds", report.seconds},
          {"cpu_ticks", cpu_json(report.cpu)},
          {"canary_us", report.canary_us},
          {"workloads", std::move(workloads)},
          {"cases", std::move(cases)},
          {"witnesses", witnesses_json(report.witnesses)}};
}

RunReport parse_run_report(const std::string& text, const std::string& source) {
  const Json json = cni::parse_json(text, source);
  const Json* const format = cni::find_key(json, "format");
  if (format == nullptr || *format != kFormat) {
    throw cni::Error(cni::Code::kDecodingFailure,
                     concat(source, ": \"format\" is not \"", kFormat,
                            "\": not a file of netrig run --json of this version"));
  }
  try {
    return parse(json);
  } catch (const std::exception& error) {
    throw cni::Error(cni::Code::kDecodingFailure, concat(source, ": ", error.what()));
  }
}

}  // namespace linnet::rig
