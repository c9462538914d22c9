// What is said of two looks at known counters.
#include "rig/stat.h"

#include <gmock/gmock.h>

namespace linnet::rig {
namespace {

using testing::HasSubstr;

NodeStat look(int second, std::int64_t factor) {
  AttachmentStat one;
  one.network = "net";
  one.container_id = "id\"\\\n";
  one.ifname = "eth0";
  one.when = std::chrono::steady_clock::time_point(std::chrono::seconds(second));
  one.tcp = {{"TcpOutSegs", 1000 * factor},
             {"TcpRetransSegs", 10 * factor},
             {"TcpExtTCPSACKReorder", 2 * factor},
             {"TcpExtTCPTSReorder", 4 * factor}};
  one.link.sent_bytes = 1000000 * factor;
  one.link.receive_drops = 3 * factor;
  NodeStat node;
  node.attachments = {one};
  return node;
}

TEST(Stat, RatesAreDifferencesASecond) {
  const cni::Json json = as_json(look(10, 1), look(12, 2));
  const cni::Json& rates = json["attachments"][0]["rates"];
  EXPECT_EQ(rates["seconds"], 2);
  EXPECT_EQ(rates["sent_bits"], 4000000);
  EXPECT_EQ(rates["tcp_segments"], 500);
  EXPECT_EQ(rates["tcp_retransmits_percent"], 1);
  EXPECT_EQ(rates["tcp_reordering"], 3);
  EXPECT_EQ(rates["link_drops"], 1.5);
  EXPECT_THAT(as_table(look(10, 1), look(12, 2)), HasSubstr("4.00"));
}

TEST(Stat, ANamespaceThatStartedAnewHasNoNegativeRates) {
  const cni::Json json = as_json(look(10, 5), look(12, 1));
  EXPECT_EQ(json["attachments"][0]["rates"]["tcp_segments"], 0);
}

TEST(Stat, WhatIsNewHasCountersAndNoRates) {
  const cni::Json json = as_json({}, look(12, 1));
  EXPECT_FALSE(json["attachments"][0].contains("rates"));
  EXPECT_EQ(json["attachments"][0]["counters"]["tcp_reordering_total"], 6);
  EXPECT_THAT(as_table({}, look(12, 1)), HasSubstr("new"));
  EXPECT_THAT(as_table({}, {}), HasSubstr("no attachment"));
}

TEST(Stat, LabelsOfPrometheusAreEscaped) {
  EXPECT_THAT(as_prometheus(look(1, 1)),
              HasSubstr("linnet_attachment_tcp_retransmits_total{network=\"net\",container="
                        "\"id\\\"\\\\\\n\",ifname=\"eth0\"} 10\n"));
}

}  // namespace
}  // namespace linnet::rig
