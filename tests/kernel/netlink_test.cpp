// The netlink core on its own: what no plugin has asked for yet, read back by iproute2, nft and /proc.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>

#include "base/file.h"
#include "base/text.h"
#include "netlink/conntrack.h"
#include "netlink/match.h"
#include "netlink/netns.h"
#include "netlink/nftables.h"
#include "netlink/route_socket.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using netlink::ConntrackSocket;
using netlink::FlowFilter;
using netlink::RouteSocket;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
namespace nft = netlink::nft;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

class NetlinkCore : public HostTest {
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

  static void send_udp_from_c1(const std::string& to, int port) {
    const std::string destination = concat(to, "/", port);
    must_run({"ip", "netns", "exec", "c1", "bash", "-c", "echo x > /dev/udp/" + destination});
  }

  // Tracks what arrives, as any rule about connections does.
  static void track() {
    must_run({"nft",
              "add table inet track; add chain inet track in "
              "{ type filter hook prerouting priority 0; }; "
              "add rule inet track in ct state new counter"});
  }

  static std::vector<std::string> tracked() {
    return split_lines(read_file("/proc/net/nf_conntrack", std::size_t{1} << 20U));
  }

  static std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines = split(text, '\n');
    std::erase(lines, "");
    return lines;
  }
};

TEST_F(NetlinkCore, KnowsWhichLinksAreThereAndRunning) {
  make_pair_to_c1();
  must_run({"ip", "link", "property", "add", "dev", "host0", "altname", "other0"});
  RouteSocket socket;
  for (const char* const name : {"host0", "other0", "lo"}) {
    EXPECT_TRUE(socket.has_link(name)) << name;
  }
  for (const char* const name : {"peer0", "", "a-name-that-is-too-long-for-a-link"}) {
    EXPECT_FALSE(socket.has_link(name)) << name;
    EXPECT_FALSE(socket.is_running(name)) << name;
  }
  // The question for the link brings its state up to date.
  EXPECT_TRUE(socket.get_link("host0").operational);
  EXPECT_TRUE(socket.is_running("host0"));
  must_run({"ip", "link", "set", "host0", "down"});
  EXPECT_FALSE(socket.is_running("host0"));
}

TEST_F(NetlinkCore, ItsOwnNamespaceIsTheOneTheThreadIsIn) {
  make_container("c1");
  const netlink::Netns home = netlink::Netns::current();
  const netlink::Netns container = netlink::Netns::open("/run/netns/c1");
  EXPECT_TRUE(home.is_at("/proc/thread-self/ns/net"));
  EXPECT_FALSE(home.is_at("/run/netns/c1"));
  EXPECT_FALSE(home.is_at("/run/netns/none"));
  home.run_inside(container,
                  [&] { EXPECT_TRUE(netlink::Netns::current().is_at("/run/netns/c1")); });
}

TEST_F(NetlinkCore, SetsAndRemovesANeighbour) {
  make_pair_to_c1();
  RouteSocket socket;
  const int link = socket.get_link("host0").index;
  for (const char* const ip_address : {"10.9.0.77", "fd09::77"}) {
    const netlink::Neighbour neighbour = {.address = address(ip_address),
                                          .mac = MacAddress::parse("02:00:00:00:00:77"),
                                          .link = link};
    netlink::Batch set;
    netlink::set_neighbour(set, neighbour);
    socket.execute(set);
    const Json shown = ip("", {"neigh", "show", ip_address, "dev", "host0"});
    ASSERT_EQ(shown.size(), 1U) << shown.dump();
    EXPECT_EQ(shown[0]["lladdr"], "02:00:00:00:00:77");
    EXPECT_EQ(shown[0]["state"], Json::array({"REACHABLE"}));
    netlink::Batch remove;
    netlink::remove_neighbour(remove, neighbour);
    socket.execute(remove);
    EXPECT_THAT(ip("", {"neigh", "show", ip_address, "dev", "host0"}), IsEmpty());
  }
}

TEST_F(NetlinkCore, AddsARouteWithEveryAttributeOfAResultAndRemovesExactlyIt) {
  make_pair_to_c1();
  RouteSocket socket;
  netlink::Route route = {.dst = *Cidr::parse("10.88.0.0/16")};
  route.gateway = address("192.0.2.1");
  route.link = socket.get_link("host0").index;
  route.mtu = 1400;
  route.advmss = 1360;
  route.priority = 77;
  route.table = 1234;
  route.onlink = true;
  netlink::Route other = route;
  other.priority = 78;
  netlink::Batch add;
  netlink::add_route(add, route, "host0");
  netlink::add_route(add, other, "host0");
  socket.execute(add);
  const Json shown = ip("", {"route", "show", "table", "1234", "metric", "77"});
  ASSERT_EQ(shown.size(), 1U) << shown.dump();
  EXPECT_EQ(shown[0]["dst"], "10.88.0.0/16");
  EXPECT_EQ(shown[0]["gateway"], "192.0.2.1");
  EXPECT_THAT(shown[0]["flags"].dump(), HasSubstr("onlink"));
  EXPECT_THAT(shown[0]["metrics"].dump(), HasSubstr("1400"));
  EXPECT_THAT(shown[0]["metrics"].dump(), HasSubstr("1360"));
  netlink::Batch remove;
  netlink::remove_route(remove, route, "host0");
  socket.execute(remove);
  const Json left = ip("", {"route", "show", "table", "1234"});
  ASSERT_EQ(left.size(), 1U) << left.dump();
  EXPECT_EQ(left[0]["metric"], 78);
}

// tcp . 8080 and udp . 8080 to 10.9.0.2 port 80 and 53, one rule for both.
class PortMap : public NetlinkCore {
 protected:
  const nft::Table table_ = {.family = nft::TableFamily::kInet, .name = "t"};

  static nft::Element element(unsigned char protocol, std::uint16_t port, std::uint16_t to) {
    return {.key = nft::key::concatenated({nft::key::protocol(protocol), nft::key::port(port)}),
            .data = nft::key::concatenated(
                {nft::key::address(*IpAddress::parse("10.9.0.2")), nft::key::port(to)}),
            .comment = "mine"};
  }

  void make_rules() const {
    nft::Transaction transaction;
    transaction.add_table(table_);
    transaction.add_chain(table_, {.name = "c",
                                   .type = "nat",
                                   .hook = nft::Hook::kPrerouting,
                                   .priority = nft::priority::kDestinationNat});
    transaction.add_set(table_,
                        {.name = "m",
                         .key = {nft::FieldType::kInetProtocol, nft::FieldType::kInetService},
                         .data = {nft::FieldType::kIpv4Address, nft::FieldType::kInetService}},
                        true);
    transaction.add_rule(
        table_, {.chain = "c",
                 .expressions = nft::phrases(
                     {nft::match::family(Family::kIpv4), nft::match::destination_is_local(),
                      nft::statement::dnat_by_map(
                          Family::kIpv4, "m",
                          {nft::field::transport_protocol(), nft::field::destination_port()})}),
                 .comment = "ports"});
    transaction.add_element(table_, "m", element(IPPROTO_TCP, 8080, 80));
    transaction.add_element(table_, "m", element(IPPROTO_UDP, 8080, 53));
    nft::NftSocket().execute(std::move(transaction));
  }
};

TEST_F(PortMap, IsOneTransactionThatNftReadsBack) {
  make_rules();
  const std::string shown = must_run({"nft", "list", "table", "inet", "t"});
  EXPECT_THAT(shown, HasSubstr("type inet_proto . inet_service : ipv4_addr . inet_service"));
  EXPECT_THAT(shown, HasSubstr("tcp . 8080 comment \"mine\" : 10.9.0.2 . 80"));
  EXPECT_THAT(shown, HasSubstr("udp . 8080 comment \"mine\" : 10.9.0.2 . 53"));
  EXPECT_THAT(shown, HasSubstr("fib daddr type local"));
  EXPECT_THAT(shown, HasSubstr("meta l4proto . th dport map @m"));
}

TEST_F(PortMap, ElementsAreFoundListedAndRemovedByTheirKey) {
  make_rules();
  nft::NftSocket socket;
  const nft::Element tcp = element(IPPROTO_TCP, 8080, 80);
  EXPECT_EQ(socket.find_element(table_, "m", tcp.key), tcp);
  EXPECT_THAT(socket.list_elements(table_, "m"), SizeIs(2));
  nft::Transaction second;
  second.add_element(table_, "m", element(IPPROTO_TCP, 8080, 81));
  EXPECT_EQ(socket.commit(std::move(second)).error, EEXIST);
  nft::Transaction removal;
  removal.remove_element(table_, "m", {.key = tcp.key});
  socket.execute(std::move(removal));
  EXPECT_THAT(must_run({"nft", "list", "map", "inet", "t", "m"}), Not(HasSubstr("tcp")));
}

TEST_F(NetlinkCore, ForgetsExactlyTheMatchingFlows) {
  make_pair_to_c1();
  track();
  send_udp_from_c1("10.9.0.1", 5001);
  send_udp_from_c1("10.9.0.1", 5002);
  send_udp_from_c1("fd09::1", 5001);
  ASSERT_TRUE(ping("c1", "10.9.0.1"));
  ASSERT_THAT(tracked(), SizeIs(4));
  ConntrackSocket socket;
  const FlowFilter filter = {.protocol = IPPROTO_UDP, .original_destination_port = 5001};
  const std::vector<netlink::Flow> flows = socket.list_flows(filter);
  ASSERT_THAT(flows, SizeIs(1));
  EXPECT_EQ(flows[0].original.source, address("10.9.0.2"));
  EXPECT_EQ(flows[0].original.destination, address("10.9.0.1"));
  EXPECT_EQ(flows[0].original.destination_port, 5001);
  EXPECT_EQ(flows[0].reply.source, address("10.9.0.1"));
  EXPECT_EQ(socket.remove_flows(filter), 1U);
  EXPECT_EQ(socket.remove_flows(filter), 0U);
  EXPECT_THAT(tracked(), SizeIs(3));
  EXPECT_EQ(socket.remove_flows({.family = Family::kIpv6}), 1U);
  // The other UDP flow and the echo, whose tuple has no ports.
  EXPECT_EQ(socket.remove_flows({.original_destination = address("10.9.0.1")}), 2U);
  EXPECT_THAT(tracked(), IsEmpty());
}

TEST_F(PortMap, FlowsAreFoundByTheContainerTheyWereTranslatedTo) {
  make_pair_to_c1();
  make_container("c2");
  must_run({"ip", "link", "add", "host2", "type", "veth", "peer", "name", "peer0", "netns", "c2"});
  must_run({"ip", "addr", "add", "10.8.0.1/24", "dev", "host2"});
  must_run({"ip", "link", "set", "host2", "up"});
  must_run({"ip", "-n", "c2", "addr", "add", "10.8.0.2/24", "dev", "peer0"});
  must_run({"ip", "-n", "c2", "link", "set", "peer0", "up"});
  // A packet that ends on the way leaves no entry.
  must_run({"bash", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"});
  make_rules();
  const auto send = [](int port) {
    must_run(
        {"ip", "netns", "exec", "c2", "bash", "-c", concat("echo x > /dev/udp/10.8.0.1/", port)});
  };
  send(8080);
  send(8081);
  ConntrackSocket socket;
  const std::vector<netlink::Flow> translated =
      socket.list_flows({.reply_source = address("10.9.0.2")});
  ASSERT_THAT(translated, SizeIs(1));
  EXPECT_EQ(translated[0].original.destination_port, 8080);
  EXPECT_EQ(translated[0].reply.source_port, 53);
  EXPECT_THAT(tracked(), SizeIs(2));
  EXPECT_EQ(socket.remove_flows({.reply_source = address("10.9.0.2")}), 1U);
  ASSERT_THAT(tracked(), SizeIs(1));
  EXPECT_THAT(tracked()[0], HasSubstr("dport=8081"));
}

TEST_F(NetlinkCore, RefusalsCarryTheKernelsWords) {
  make_pair_to_c1();
  RouteSocket socket;
  netlink::Route route = {.dst = *Cidr::parse("10.88.0.0/16")};
  route.gateway = address("192.0.2.1");
  route.link = socket.get_link("host0").index;
  netlink::Batch batch;
  netlink::add_route(batch, route, "host0");
  try {
    socket.execute(batch);
    FAIL() << "accepted";
  } catch (const netlink::Error& error) {
    EXPECT_EQ(error.code(), ENETUNREACH);
    EXPECT_EQ(error.extack(), "Nexthop has invalid gateway");
    EXPECT_THAT(error.what(), HasSubstr("10.88.0.0/16"));
  }
}

}  // namespace
}  // namespace linnet::test
