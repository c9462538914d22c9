#include "rig/counters.h"

#include <gmock/gmock.h>

namespace linnet::rig {
namespace {

// As Linux 6.1 prints them, shortened.
constexpr const char* kSnmp =
    "Ip: Forwarding DefaultTTL InReceives\n"
    "Ip: 1 64 5112\n"
    "Tcp: RtoAlgorithm MaxConn RetransSegs OutRsts\n"
    "Tcp: 1 -1 162 3\n";
constexpr const char* kNetstat =
    "TcpExt: SyncookiesSent TCPFastRetrans TCPOFOQueue\n"
    "TcpExt: 0 161 87\n"
    "IpExt: InNoRoutes InOctets\n"
    "IpExt: 0 18446744073\n";

TEST(Counters, AreNamedByGroupAndName) {
  const Counters counters = parse_counters(kSnmp);
  EXPECT_EQ(counters.size(), 7U);
  EXPECT_EQ(count_of(counters, "TcpRetransSegs"), 162);
  EXPECT_EQ(count_of(counters, "TcpMaxConn"), -1);
  EXPECT_EQ(count_of(counters, "IpInReceives"), 5112);
  EXPECT_EQ(count_of(parse_counters(kNetstat), "IpExtInOctets"), 18446744073);
  EXPECT_EQ(count_of(counters, "TcpExtTCPFastRetrans"), 0);
}

TEST(Counters, LeaveOutWhatIsNotAPairOfLines) {
  EXPECT_TRUE(parse_counters("").empty());
  EXPECT_TRUE(parse_counters("Tcp: A B\n").empty());
  EXPECT_TRUE(parse_counters("Tcp: A B\nTcp: 1\n").empty());
  EXPECT_TRUE(parse_counters("Tcp: A\nUdp: 1\n").empty());
  EXPECT_EQ(parse_counters("Tcp: A\nUdp: 1\nIp: B\nIp: 2\n"), (Counters{{"IpB", 2}}));
  EXPECT_EQ(parse_counters("Tcp: A B\nTcp: x 2\n"), (Counters{{"TcpB", 2}}));
}

TEST(Counters, DifferByName) {
  EXPECT_EQ(difference({{"A", 7}, {"B", 2}}, {{"A", 5}}), (Counters{{"A", 2}, {"B", 2}}));
}

TEST(CpuTime, IsReadFromTheLineOfAllCpus) {
  const CpuTime time = parse_cpu_time(
      "cpu  100 2 30 4000 50 6 70 8 9 0\n"
      "cpu0 50 1 15 2000 25 3 35 4 4 0\n");
  EXPECT_EQ(time.total, 4266);
  EXPECT_EQ(time.idle, 4050);
  EXPECT_EQ(time.softirq, 70);
  EXPECT_EQ(time.steal, 8);
  EXPECT_EQ(parse_cpu_time("intr 1 2 3").total, 0);
  EXPECT_EQ(parse_cpu_time("cpu 1 2").total, 0);
}

}  // namespace
}  // namespace linnet::rig
