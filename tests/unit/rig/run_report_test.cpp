// What is said of known measurements, and that they come back from a file.
#include "rig/run_report.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/rig/known_run.h"

namespace linnet::rig {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RunReport, SpeedIsOfRatesAndNotOfTimes) {
  const RunReport report = known_run(20, 25);
  const std::optional<Estimate> speed = speed_of(report, report.cases[1], report.workloads[0]);
  ASSERT_TRUE(speed.has_value());
  EXPECT_DOUBLE_EQ(speed->value, 0.8);
  EXPECT_DOUBLE_EQ(rate_of(*report.cases[1].find("tcp_rr"), report.workloads[0]), 40000);
  EXPECT_FALSE(speed_of(report, report.cases[2], report.workloads[0]).has_value());
}

TEST(RunReport, ThroughputIsNotATime) {
  RunReport report = known_run(2e9, 4e9);
  report.workloads[0].unit = Unit::kBitsPerSecond;
  EXPECT_DOUBLE_EQ(speed_of(report, report.cases[1], report.workloads[0])->value, 2);
  EXPECT_DOUBLE_EQ(rate_of(*report.cases[1].find("tcp_rr"), report.workloads[0]), 4e9);
}

// A flow whose first segments are lost waits for its timer, longer than a short round takes.
TEST(RunReport, ARoundThatCarriedNothingIsASlowOne) {
  RunReport report = known_run(2e9, 4e9);
  report.workloads[0].unit = Unit::kBitsPerSecond;
  report.cases[1].series[0].samples = {{4e9}, {0}, {4e9}, {4e9}, {4e9}, {4e9}, {4e9}};
  report.cases[0].series[0].samples = {{2e9}, {2e9}, {0}, {2e9}, {2e9}, {2e9}, {2e9}};
  const auto speed = speed_of(report, report.cases[1], report.workloads[0]);
  ASSERT_TRUE(speed.has_value());
  // Six pairs: nothing can be compared with nothing.
  EXPECT_DOUBLE_EQ(speed->value, 2);
  EXPECT_DOUBLE_EQ(speed->interval.low, 0);
  EXPECT_DOUBLE_EQ(speed->interval.high, 2);
  EXPECT_EQ(to_json(parse_run_report(to_json(report).dump(), "test")), to_json(report));
}

TEST(RunReport, SaysNothingOfFiveSamples) {
  RunReport report = known_run(20, 25);
  for (CaseReport& one : report.cases) {
    for (Series& series : one.series) {
      series.samples = {{20, 20, 20}, {20, 20}};
    }
  }
  EXPECT_FALSE(speed_of(report, report.cases[1], report.workloads[0]).has_value());
  EXPECT_THAT(as_table(report), HasSubstr("too few samples"));
}

// The clock around blocks against the histogram of what was within them.
TEST(RunReport, IdentityIsBrokenByTimeBetweenTransactions) {
  RunReport report = known_run(20, 25);
  EXPECT_NEAR(identity_of(*report.cases[0].find("tcp_rr")), 1, 0.008);
  EXPECT_THAT(as_table(report), Not(HasSubstr("!")));
  report.cases[1].series[0].samples = {{50, 50, 50}, {50, 50, 50}};
  EXPECT_NEAR(identity_of(*report.cases[1].find("tcp_rr")), 0.5, 0.004);
  EXPECT_THAT(as_table(report), HasSubstr("0.499!"));
}

TEST(RunReport, TableHasVerdictsAndWhatIsMissing) {
  const std::string table = as_table(known_run(20, 25));
  EXPECT_THAT(table, HasSubstr("0.800 [0.800, 0.800] slower"));
  EXPECT_THAT(table, HasSubstr("not available: ipvlan l2: this kernel has no ipvlan"));
  EXPECT_THAT(as_table(known_run(20, 20)), HasSubstr("no difference"));
}

TEST(RunReport, SaysOnceWhatAWholeTopologyLacks) {
  RunReport report = known_run(20, 25);
  report.cases.push_back(
      {"ipvlan l2", "outside to container", "this kernel has no ipvlan", {}, {}});
  report.cases.push_back({"bridge", "outside to container", "connect: timed out", {}, {}});
  EXPECT_EQ(unavailable_ones(report),
            (std::vector<std::string>{"ipvlan l2: this kernel has no ipvlan",
                                      "bridge, outside to container: connect: timed out"}));
}

TEST(RunReport, CsvHasAHeaderAndALineARow) {
  const std::string csv = as_csv(known_run(20, 25));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 3);
  EXPECT_THAT(csv, HasSubstr("\"bridge\",\"container to outside\",tcp_rr,1,us,40000.0,0.8000,"));
  const std::string header = csv.substr(0, csv.find('\n'));
  const std::string last = csv.substr(csv.rfind('\n', csv.size() - 2));
  EXPECT_EQ(std::ranges::count(header, ','), std::ranges::count(last, ','));
}

TEST(RunReport, ComesBackFromItsFile) {
  const RunReport report = known_run(20, 25);
  const cni::Json json = to_json(report);
  EXPECT_EQ(json["format"], "linnet-rig-run-1");
  EXPECT_EQ(json["cases"][1]["series"][0]["summary"]["speed"]["verdict"], "slower");
  EXPECT_FALSE(json["cases"][1]["series"][0]["account"]["client"].contains("TcpZero"));
  const RunReport again = parse_run_report(json.dump(), "test");
  EXPECT_EQ(to_json(again), json);
  EXPECT_EQ(as_table(again), as_table(report));
  EXPECT_EQ(again.cases[1].series[0].flows[0].cwnd, 5U);
}

TEST(RunReport, RefusesAnotherFile) {
  const auto error_of = [](const std::string& text) {
    try {
      (void)parse_run_report(text, "x.json");
    } catch (const std::exception& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(error_of("{}"), HasSubstr("x.json: \"format\" is not"));
  EXPECT_THAT(error_of("[]"), HasSubstr("\"format\" is not"));
  EXPECT_THAT(error_of("nonsense"), HasSubstr("x.json"));
  EXPECT_THAT(error_of(R"({"format": "linnet-rig-run-1"})"), HasSubstr("x.json: "));
  cni::Json json = to_json(known_run(20, 25));
  json["cases"][0]["series"][0]["samples"] = {{20, 0}};
  EXPECT_THAT(error_of(json.dump()), HasSubstr("a time in tcp_rr is not above 0"));
  json["cases"][0]["series"][0]["samples"] = {{20, -1}};
  json["workloads"][0]["unit"] = "bit/s";
  EXPECT_THAT(error_of(json.dump()), HasSubstr("a rate in tcp_rr is below 0"));
  json["cases"][0]["series"][0]["samples"] = {{20}, cni::Json::array()};
  EXPECT_THAT(error_of(json.dump()), HasSubstr("is empty"));
  json["cases"][0]["series"][0]["samples"] = "many";
  EXPECT_THAT(error_of(json.dump()), HasSubstr("x.json: "));
}

}  // namespace
}  // namespace linnet::rig
