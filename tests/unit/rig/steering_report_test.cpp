// The words and figures of a report of known measurements.
#include <gmock/gmock.h>

#include "rig/steering_matrix.h"

namespace linnet::rig {
namespace {

using testing::HasSubstr;
using testing::Not;

SteeringRow row(const std::string& setting, std::int64_t fast, Estimate rate) {
  Bulk bulk;
  bulk.bits_per_second = 5e9;
  bulk.account.client = {{"TcpRetransSegs", fast + 1}, {"TcpExtTCPFastRetrans", fast}};
  bulk.account.server = {{"TcpExtTCPOFOQueue", fast / 10}};
  bulk.account.cpu.total = 200;
  bulk.account.cpu.idle = 20;
  bulk.account.cpu.softirq = 80;
  return {setting, {bulk, bulk}, {20, 20, 25}, rate};
}

SteeringReport report_of(std::vector<SteeringRow> rows) {
  SteeringReport report;
  report.options.bulk_rounds = 2;
  report.cpus = 2;
  report.flow_table = 32768;
  report.congestion_control = "cubic";
  report.paths = {{"container to container", std::move(rows)}};
  return report;
}

TEST(SteeringRecommendation, TakesTheSettingThatCuresForNothing) {
  const std::string text =
      recommendation(report_of({row("off", 4000, {1, {1, 1}}), row("all", 0, {0.43, {0.42, 0.44}}),
                                row("auto", 3, {0.998, {0.99, 1.004}})}));
  EXPECT_THAT(text, HasSubstr("\"rps\": \"auto\" takes 4000 fast retransmits to 3 at 0.998"));
}

TEST(SteeringRecommendation, PrefersNoneThatCostsRequests) {
  const std::string text = recommendation(
      report_of({row("off", 4000, {1, {1, 1}}), row("all", 0, {0.43, {0.42, 0.44}})}));
  EXPECT_THAT(text, HasSubstr("no setting cures reordering without a cost"));
}

TEST(SteeringRecommendation, LeavesAloneWhatHasNothingToCure) {
  const std::string text =
      recommendation(report_of({row("off", 12, {1, {1, 1}}), row("auto", 0, {1, {0.99, 1.01}})}));
  EXPECT_THAT(text, HasSubstr("reorders nothing here worth curing"));
}

TEST(SteeringRecommendation, SaysThatTheFlowTableWasThereForTheRunOnly) {
  SteeringReport report =
      report_of({row("off", 4000, {1, {1, 1}}), row("auto", 0, {1, {0.99, 1.01}})});
  EXPECT_THAT(recommendation(report), Not(HasSubstr("rps_sock_flow_entries")));
  report.flow_table_is_temporary = true;
  EXPECT_THAT(recommendation(report), HasSubstr("rps_sock_flow_entries, which was 32768"));
  report.cpus = 1;
  EXPECT_THAT(recommendation(report), HasSubstr("nothing can be steered"));
}

TEST(SteeringReport, TableShowsRangesMediansAndTheVerdict) {
  const std::string table =
      as_table(report_of({row("off", 4000, {1, {1, 1}}), row("all", 0, {0.43, {0.42, 0.44}}),
                          row("auto", 0, {0.998, {0.99, 1.004}})}));
  EXPECT_THAT(table, HasSubstr("4001..4001"));
  EXPECT_THAT(table, HasSubstr("400..400"));
  EXPECT_THAT(table, HasSubstr("50000"));
  EXPECT_THAT(table, HasSubstr("0.430 [0.420, 0.440]  slower"));
  EXPECT_THAT(table, HasSubstr("0.998 [0.990, 1.004]  no difference"));
}

TEST(SteeringReport, JsonHasEveryMeasurement) {
  const cni::Json json =
      as_json(report_of({row("off", 4000, {1, {1, 1}}), row("auto", 0, {0.998, {0.99, 1.004}})}));
  EXPECT_EQ(json["format"], "linnet-rig-steering-1");
  const cni::Json& off = json["paths"][0]["rows"][0];
  EXPECT_EQ(off["bulk"][1]["sender"]["TcpExtTCPFastRetrans"], 4000);
  EXPECT_EQ(off["round_trip_us"].size(), 3U);
  EXPECT_EQ(json["paths"][0]["rows"][1]["rate_to_off"]["low"], 0.99);
}

}  // namespace
}  // namespace linnet::rig
