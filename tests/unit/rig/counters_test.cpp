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

TEST(CpuTime, IsToldByWhatItWasSpentOn) {
  const CpuTime time = parse_cpu_time("cpu  100 2 30 4000 50 6 70 8 9 0\n");
  EXPECT_EQ(time.user, 102);
  EXPECT_EQ(time.system, 30);
  EXPECT_EQ(time.irq, 6);
  EXPECT_EQ((time + time - time).total, time.total);
}

TEST(MachineCounters, OfProcStat) {
  const Counters counters =
      parse_stat("cpu  1 2 3\nintr 5000 0 9 0\nctxt 123456\nbtime 1\nsoftirq 777 1 2\nctxt\n");
  EXPECT_EQ(counters,
            (Counters{{"contextSwitches", 123456}, {"interrupts", 5000}, {"softirqs", 777}}));
}

// As Linux 6.1 prints them on two CPUs, shortened.
TEST(MachineCounters, AreSummedOverCpus) {
  const Counters softirqs = parse_per_cpu(
      "                    CPU0       CPU1\n"
      "          HI:          1          2\n"
      "      NET_RX:    1000000         23\n",
      "softirq ");
  EXPECT_EQ(softirqs, (Counters{{"softirq HI", 3}, {"softirq NET_RX", 1000023}}));
  const Counters interrupts = parse_per_cpu(
      "           CPU0       CPU1\n"
      "  24:        10          5   PCI-MSI 49153-edge      virtio0-input.0\n"
      " LOC:       100        200   Local timer interrupts\n"
      " ERR:          4\n",
      "interrupt ");
  EXPECT_EQ(interrupts, (Counters{{"interrupt 24 virtio0-input.0", 15},
                                  {"interrupt LOC", 300},
                                  {"interrupt ERR", 4}}));
  EXPECT_TRUE(parse_per_cpu("", "x").empty());
}

TEST(MachineCounters, OfSoftnetAreHexadecimal) {
  EXPECT_EQ(parse_softnet("0000ffff 00000010 0000000a 00000000\n00000001 00000001 00000001\n"),
            (Counters{{"softnetDropped", 17}, {"softnetTimeSqueeze", 11}}));
}

TEST(LinkCounters, AreThoseOfTheLink) {
  const char* const text =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
      "drop "
      "fifo colls carrier compressed\n"
      "    lo:     10       1    0    0    0     0          0         0       10       1    0    0 "
      "   0     0       0          0\n"
      "  eth0: 123456     789    0    7    0     0          0         0     1000      10    0    3 "
      "   0     0       0          0\n";
  const std::optional<LinkCounters> link = parse_link_counters(text, "eth0");
  ASSERT_TRUE(link.has_value());
  EXPECT_EQ(link->received_bytes, 123456);
  EXPECT_EQ(link->received_packets, 789);
  EXPECT_EQ(link->receive_drops, 7);
  EXPECT_EQ(link->sent_bytes, 1000);
  EXPECT_EQ(link->sent_packets, 10);
  EXPECT_EQ(link->send_drops, 3);
  EXPECT_FALSE(parse_link_counters(text, "eth1").has_value());
  EXPECT_FALSE(parse_link_counters("eth0: 1 2\n", "eth0").has_value());
}

}  // namespace
}  // namespace linnet::rig
