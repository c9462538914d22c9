// What other programs print, and what is said of their rates.
#include "rig/witness.h"

#include <gmock/gmock.h>

#include "rig/page.h"
#include "tests/unit/rig/known_run.h"

namespace linnet::rig {
namespace {

using testing::HasSubstr;

TEST(Witness, NetperfPrintsOneNumber) {
  EXPECT_DOUBLE_EQ(parse_netperf("48912.34\n").value(), 48912.34);
  for (const char* const text :
       {"", "\n", "0.00", "-1", "nan", "inf", "12 13", "establish control: are you sure?"}) {
    EXPECT_FALSE(parse_netperf(text).has_value()) << text;
  }
}

TEST(Witness, IperfCountsAtTheReceiver) {
  EXPECT_DOUBLE_EQ(parse_iperf3(R"({"end": {"sum_sent": {"bits_per_second": 9e9},
                               "sum_received": {"bits_per_second": 8.5e9}}})")
                       .value(),
                   8.5e9);
  for (const char* const text :
       {"", "[]", "{", R"({"start": {}, "error": "unable to connect to server"})",
        R"({"end": {"sum_received": {"bits_per_second": 0}}})",
        R"({"end": {"sum_received": {"bits_per_second": "many"}}})"}) {
    EXPECT_FALSE(parse_iperf3(text).has_value()) << text;
  }
}

TEST(Witness, RatioIsOfNetrigToTheOther) {
  RunReport report = known_run(20, 25);
  report.witnesses = {{"netperf", "host, to outside", "tcp_rr", "", {}, {}},
                      {"iperf3", "host, to outside", "bulk_1", "iperf3 is not installed", {}, {}}};
  for (int i = 0; i < 6; ++i) {
    report.witnesses[0].own.push_back(51000);
    report.witnesses[0].theirs.push_back(50000);
  }
  EXPECT_DOUBLE_EQ(agreement_of(report.witnesses[0])->value, 1.02);
  EXPECT_FALSE(agreement_of(report.witnesses[1]).has_value());
  const std::string table = as_table(report);
  EXPECT_THAT(table, HasSubstr("1.020 [1.020, 1.020]"));
  EXPECT_THAT(table, HasSubstr("iperf3 is not installed"));
  EXPECT_THAT(as_page(report, nullptr),
              HasSubstr("<td>51000</td><td>1.020 [1.020, 1.020]</td></tr>"));
  const cni::Json json = to_json(report);
  EXPECT_EQ(json["witnesses"][0]["own_to_theirs"]["median"], 1.02);
  EXPECT_EQ(to_json(parse_run_report(json.dump(), "test")), json);
}

}  // namespace
}  // namespace linnet::rig
