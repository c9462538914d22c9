// The conversation with the kernel when there is much to say: windows, lost and large answers, interrupted dumps.
#include <gmock/gmock.h>
#include <netinet/in.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "netlink/conntrack.h"
#include "netlink/route_socket.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using netlink::ConntrackSocket;
using netlink::RouteSocket;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kMany = 1000;

class Conversation : public HostTest {
 protected:
  // A pair from this namespace (10.9.0.1, fd09::1) to the namespace c1 (10.9.0.2, fd09::2).
  void make_pair_to_c1() const {
    make_container("c1");
    must_run(
        {"ip", "link", "add", "host0", "type", "veth", "peer", "name", "peer0", "netns", "c1"});
    must_run({"ip", "addr", "add", "10.9.0.1/24", "dev", "host0"});
    must_run({"ip", "addr", "add", "fd09::1/64", "dev", "host0", "nodad"});
    must_run({"ip", "link", "set", "host0", "up"});
    must_run({"ip", "-n", "c1", "addr", "add", "10.9.0.2/24", "dev", "peer0"});
    must_run({"ip", "-n", "c1", "addr", "add", "fd09::2/64", "dev", "peer0", "nodad"});
    must_run({"ip", "-n", "c1", "link", "set", "peer0", "up"});
  }

  static netlink::Batch routes_via(const std::string& gateway, int link) {
    netlink::Batch batch;
    for (int i = 0; i < kMany; ++i) {
      netlink::add_route(batch,
                         {.dst = *Cidr::parse(concat("11.", i / 250, ".", i % 250, ".0/24")),
                          .gateway = IpAddress::parse(gateway),
                          .link = link},
                         "host0");
    }
    return batch;
  }
};

TEST_F(Conversation, AnEmptyBatchIsNoDatagram) {
  RouteSocket socket;
  EXPECT_THAT(socket.exchange({}), IsEmpty());
  socket.execute({});
  EXPECT_TRUE(socket.has_link("lo"));
}

TEST_F(Conversation, AThousandRequestsSucceed) {
  make_pair_to_c1();
  RouteSocket socket;
  socket.execute(routes_via("10.9.0.2", socket.get_link("host0").index));
  EXPECT_THAT(ip("", {"route", "show", "root", "11.0.0.0/8"}), SizeIs(kMany));
}

TEST_F(Conversation, AThousandRefusalsAreAThousandErrorsWithTheKernelsWords) {
  make_pair_to_c1();
  RouteSocket socket;
  const netlink::Batch batch = routes_via("192.0.2.1", socket.get_link("host0").index);
  const std::vector<netlink::Ack> acks = socket.exchange(batch);
  ASSERT_THAT(acks, SizeIs(kMany));
  for (const netlink::Ack& ack : acks) {
    EXPECT_EQ(ack.error, ENETUNREACH);
    EXPECT_EQ(ack.extack, "Nexthop has invalid gateway");
  }
  EXPECT_THAT(ip("", {"route", "show", "root", "11.0.0.0/8"}), IsEmpty());
  EXPECT_THROW(socket.execute(batch), netlink::Error);
}

TEST_F(Conversation, RequestsBetweenRefusalsAreExecuted) {
  make_pair_to_c1();
  RouteSocket socket;
  const int link = socket.get_link("host0").index;
  netlink::Batch batch;
  for (int i = 0; i < 300; ++i) {
    netlink::add_route(
        batch,
        {.dst = *Cidr::parse(concat("11.0.", i % 250, ".", i / 250, "/32")),
         .gateway = IpAddress::parse(i % 3 == 0 ? "192.0.2.1" : "10.9.0.2"),
         .link = link},
        "host0");
  }
  const std::vector<netlink::Ack> acks = socket.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    EXPECT_EQ(acks[i].error, i % 3 == 0 ? ENETUNREACH : 0) << i;
  }
  EXPECT_THAT(ip("", {"route", "show", "root", "11.0.0.0/8"}), SizeIs(200));
}

TEST_F(Conversation, AThousandLinksAreLookedUpAtOnce) {
  std::vector<std::string> names = {"lo"};
  for (int i = 0; i < kMany; ++i) {
    names.push_back(concat("none", i));
  }
  names.emplace_back("lo");
  const std::vector<std::optional<netlink::Link>> links = RouteSocket().find_links(names);
  ASSERT_THAT(links, SizeIs(names.size()));
  EXPECT_TRUE(links.front() && links.back());
  EXPECT_EQ(links.back()->name, "lo");
  EXPECT_FALSE(links[1] || links[kMany]);
}

// Each alternative name is an attribute of 132 bytes.
TEST_F(Conversation, AnAnswerLargerThanTheBufferIsReadWhole) {
  make_pair_to_c1();
  for (int first = 0; first < 300; first += 50) {
    std::vector<std::string> command = {"ip", "link", "property", "add", "dev", "host0"};
    for (int i = first; i < first + 50; ++i) {
      command.insert(command.end(), {"altname", concat(std::string(120, 'x'), i)});
    }
    must_run(command);
  }
  RouteSocket socket;
  EXPECT_EQ(socket.get_link("host0").name, "host0");
  EXPECT_THAT(socket.find_links(std::vector<std::string>{"lo", "host0", "none"}), SizeIs(3));
  const std::vector<netlink::Link> links = socket.links();
  EXPECT_EQ(std::ranges::count(links, "host0", &netlink::Link::name), 1);
  EXPECT_EQ(std::ranges::count(links, "lo", &netlink::Link::name), 1);
}

TEST_F(Conversation, AnInterruptedDumpIsRepeatedAndWhole) {
  make_pair_to_c1();
  std::string script;
  for (int i = 0; i < 300; ++i) {
    script += concat("link add steady", i, " type veth peer name beside", i, "\n");
  }
  write_file_atomically("/run/steady", script, 0600);
  must_run({"ip", "-batch", "/run/steady"});
  write_file_atomically("/run/change",
                        "link add come type veth peer name go\nlink delete come\n", 0600);
  std::atomic<bool> done = false;
  std::thread changes([&] {
    while (!done) {
      static_cast<void>(run_program({"ip", "-batch", "/run/change"}));
    }
  });
  RouteSocket socket;
  for (int round = 0; round < 20; ++round) {
    const std::vector<netlink::Link> links = socket.links();
    const auto steady = std::ranges::count_if(
        links, [](const netlink::Link& link) { return link.name.starts_with("steady"); });
    EXPECT_EQ(steady, 300);
  }
  done = true;
  changes.join();
}

TEST_F(Conversation, TwoThousandFlowsOfBothFamiliesAreForgotten) {
  make_pair_to_c1();
  must_run({"nft",
            "add table inet track; add chain inet track in "
            "{ type filter hook prerouting priority 0; }; "
            "add rule inet track in ct state new counter"});
  must_run({"ip", "netns", "exec", "c1", "python3", "-c",
            "import socket\n"
            "for family, to in ((socket.AF_INET, '10.9.0.1'), (socket.AF_INET6, 'fd09::1')):\n"
            "    s = socket.socket(family, socket.SOCK_DGRAM)\n"
            "    for port in range(5000, 6000):\n"
            "        try:\n"
            "            s.sendto(b'x', (to, port))\n"
            "        except ConnectionRefusedError:\n"
            "            s.sendto(b'x', (to, port))\n"});
  const auto tracked = [] {
    std::vector<std::string> lines =
        split(read_file("/proc/net/nf_conntrack", std::size_t{4} << 20U), '\n');
    std::erase_if(lines, [](const std::string& line) { return line.find("udp") == std::string::npos; });
    return lines.size();
  };
  ASSERT_EQ(tracked(), 2U * kMany);
  ConntrackSocket socket;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    EXPECT_EQ(socket.remove_flows({.family = family, .protocol = IPPROTO_UDP}),
              static_cast<std::size_t>(kMany));
  }
  EXPECT_EQ(tracked(), 0U);
}

}  // namespace
}  // namespace linnet::test
