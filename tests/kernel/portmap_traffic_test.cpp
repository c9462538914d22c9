// What is redirected by portmap, and what must not be.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <map>
#include <random>

#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "tests/kernel/traffic_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Json mapping(int host_port, int container_port, const std::string& protocol = "tcp",
             const std::string& host_ip = "") {
  return {{"hostPort", host_port},
          {"containerPort", container_port},
          {"protocol", protocol},
          {"hostIP", host_ip}};
}

class PortmapTraffic : public TrafficTest {
 protected:
  void SetUp() override {
    TrafficTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    results_ = {{"c1", attach("c1")}, {"c2", attach("c2")}};
    wait_for_the_outside();
  }

  void publish_for(const std::string& container, const Json& mappings,
                   const Json& changes = Json::object()) {
    publish(portmap_conf(mappings, results_.at(container), changes), container);
  }
  void unpublish(const std::string& container, const Json& mappings) {
    del(portmap_conf(mappings, results_.at(container)), container);
  }

  // A namespace behind the host on another link (10.77.0.9, fd77::9): what goes there only passes through.
  void make_elsewhere() const {
    make_container("elsewhere");
    must_run(
        {"ip", "link", "add", "far0", "type", "veth", "peer", "name", "in0", "netns", "elsewhere"});
    must_run({"ip", "addr", "add", "10.77.0.1/24", "dev", "far0"});
    must_run({"ip", "addr", "add", "fd77::1/64", "dev", "far0", "nodad"});
    must_run({"ip", "link", "set", "far0", "up"});
    for (const char* address : {"10.77.0.9/24", "fd77::9/64"}) {
      must_run({"ip", "-n", "elsewhere", "addr", "add", address, "dev", "in0"});
    }
    must_run({"ip", "-n", "elsewhere", "link", "set", "in0", "up"});
    must_run({"ip", "-n", "elsewhere", "route", "add", "default", "via", "10.77.0.1"});
    must_run({"ip", "-n", "elsewhere", "route", "add", "default", "via", "fd77::1"});
    for (int i = 0; i < 10 && !ping("elsewhere", "fd77::1"); ++i) {
    }
  }
  static std::string tracked() {
    return read_file("/proc/net/nf_conntrack", std::size_t{1} << 20U);
  }

  std::map<std::string, Json> results_;
};

TEST_F(PortmapTraffic, ReachesTheContainerFromEverywhereAndTheClientIsSeen) {
  serve("c1", "c1", {80});
  publish_for("c1", Json::array({mapping(8080, 80), mapping(8080, 80, "udp")}));
  EXPECT_THAT(ask("outside", {{"tcp", "192.0.2.1", 8080},
                              {"udp", "192.0.2.1", 8080},
                              {"tcp", "2001:db8::1", 8080},
                              {"udp", "2001:db8::1", 8080}}),
              ElementsAre("c1 192.0.2.9", "c1 192.0.2.9", "c1 2001:db8::9", "c1 2001:db8::9"));
  // Masqueraded, or the answers would not come back the way the questions went.
  EXPECT_THAT(ask("", {{"tcp", "127.0.0.1", 8080},
                       {"udp", "127.0.0.1", 8080},
                       {"tcp", "192.0.2.1", 8080},
                       {"tcp", "2001:db8::1", 8080}}),
              ElementsAre("c1 10.22.0.1", "c1 10.22.0.1", HasSubstr("c1 "), HasSubstr("c1 ")));
  for (const char* neighbour : {"c1", "c2"}) {
    EXPECT_THAT(ask(neighbour, {{"tcp", "192.0.2.1", 8080},
                                {"udp", "10.22.0.1", 8080},
                                {"tcp", "2001:db8::1", 8080},
                                {"udp", "fd22::1", 8080}}),
                ElementsAre("c1 10.22.0.1", "c1 10.22.0.1", "c1 fd22::1", "c1 fd22::1"))
        << neighbour;
  }
  EXPECT_EQ(ask("", {"tcp", "::1", 8080}), "") << "the kernel has no way back to ::1";
}

TEST_F(PortmapTraffic, WithoutSnatNothingIsMasqueradedAndWithMasqAllEverything) {
  serve("c1", "c1", {80});
  publish_for("c1", Json::array({mapping(8080, 80)}), {{"snat", false}});
  EXPECT_EQ(ask("outside", {"tcp", "192.0.2.1", 8080}), "c1 192.0.2.9");
  EXPECT_EQ(ask("c1", {"tcp", "192.0.2.1", 8080}), "");
  publish_for("c1", Json::array({mapping(8080, 80)}), {{"masqAll", true}, {"markMasqBit", 5}});
  EXPECT_THAT(ask("outside", {{"tcp", "192.0.2.1", 8080}, {"tcp", "2001:db8::1", 8080}}),
              ElementsAre("c1 10.22.0.1", "c1 fd22::1"));
  // What reaches the container without being redirected keeps its source.
  EXPECT_EQ(ask("outside", {"tcp", "10.22.0.2", 80}), "c1 192.0.2.9");
}

TEST_F(PortmapTraffic, ARouteToLocalhostIsNoWayIntoTheHost) {
  serve("c1", "c1", {80});
  serve("", "host", {7000}, "127.0.0.1");
  publish_for("c1", Json::array({mapping(8080, 80)}));
  must_run({"ip", "-n", "c2", "addr", "del", "127.0.0.1/8", "dev", "lo"});
  must_run({"ip", "netns", "exec", "c2", "sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1"});
  must_run({"ip", "-n", "c2", "route", "add", "127.0.0.0/8", "via", "10.22.0.1"});
  EXPECT_EQ(ask("c2", {"udp", "127.0.0.1", 7000}), "");
  EXPECT_EQ(ask("", {"udp", "127.0.0.1", 7000}), "host 127.0.0.1");
}

TEST_F(PortmapTraffic, ConditionsHoldForTheirContainersOnly) {
  serve("c1", "c1", {80});
  serve("c2", "c2", {80});
  publish_for("c1", Json::array({mapping(8080, 80)}),
              {{"conditionsV4", {"!", "-s", "192.0.2.9/32"}}});
  publish_for("c2", Json::array({mapping(8081, 80)}));
  EXPECT_THAT(
      ask("outside",
          {{"tcp", "192.0.2.1", 8080}, {"tcp", "2001:db8::1", 8080}, {"tcp", "192.0.2.1", 8081}}),
      ElementsAre("", "c1 2001:db8::9", "c2 192.0.2.9"));
  must_run({"ip", "-n", "outside", "addr", "add", "192.0.2.10/24", "dev", "out0"});
  must_run({"ip", "-n", "outside", "route", "replace", "192.0.2.0/24", "dev", "out0", "src",
            "192.0.2.10"});
  EXPECT_EQ(ask("outside", {"tcp", "192.0.2.1", 8080}), "c1 192.0.2.10");
  const auto conditional = [] {
    return must_run({"nft", "list", "chain", "inet", "linnet_portmap", "conditional"});
  };
  const std::string with_one = conditional();
  publish_for("c2", Json::array({mapping(8082, 80)}),
              {{"conditionsV4", {"ip saddr != 192.0.2.9"}}});
  EXPECT_EQ(ask("outside", {"tcp", "192.0.2.1", 8082}), "c2 192.0.2.10");
  // The same condition in other words takes no rules of its own.
  EXPECT_EQ(conditional(), with_one);
}

TEST_F(PortmapTraffic, FlowsOfUdpFollowTheMappings) {
  make_elsewhere();
  serve("c1", "c1", {53});
  serve("c2", "c2", {53});
  serve("elsewhere", "elsewhere", {5353});
  const Json dns = Json::array({mapping(5353, 53, "udp")});
  const Probe probe = {"udp", "192.0.2.1", 5353, 40000};
  // Connections are tracked from the first mapping on.
  publish_for("c1", dns);
  unpublish("c1", dns);
  EXPECT_EQ(ask("outside", probe), "");
  EXPECT_EQ(ask("outside", {"udp", "10.77.0.9", 5353, 40001}), "elsewhere 192.0.2.9");
  EXPECT_THAT(tracked(), HasSubstr("sport=40000"));
  publish_for("c1", dns);
  EXPECT_THAT(tracked(), Not(HasSubstr("sport=40000"))) << "went to the host itself before";
  EXPECT_EQ(ask("outside", probe), "c1 192.0.2.9");
  publish_for("c1", dns);
  EXPECT_THAT(tracked(), HasSubstr("sport=40000")) << "goes where it should";
  unpublish("c1", dns);
  EXPECT_THAT(tracked(), Not(HasSubstr("sport=40000")));
  publish_for("c2", dns);
  EXPECT_EQ(ask("outside", probe), "c2 192.0.2.9");
  EXPECT_THAT(tracked(), HasSubstr("sport=40001")) << "only passes through";
}

TEST_F(PortmapTraffic, SctpIsRedirectedAndItsFlowsFollowTheMappings) {
  if (!UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP))) {
    GTEST_SKIP() << "this kernel has no SCTP";
  }
  serve("c1", "c1", {3868});
  serve("c2", "c2", {3868});
  serve("", "host", {3869});
  const Json diameter = Json::array({mapping(5868, 3868, "sctp")});
  const Probe probe = {"sctp", "192.0.2.1", 5868, 40000};
  publish_for("c1", diameter);
  // A flow that was closed is forgotten by itself after ten seconds, which are few in an emulated machine.
  must_run({"sh", "-c", "echo 600 > /proc/sys/net/netfilter/nf_conntrack_sctp_timeout_closed"});
  EXPECT_EQ(ask("outside", probe), "c1 192.0.2.9");
  EXPECT_THAT(ask("outside", {{"sctp", "2001:db8::1", 5868},
                              {"tcp", "192.0.2.1", 5868},
                              {"udp", "192.0.2.1", 5868},
                              {"sctp", "192.0.2.1", 3869}}),
              ElementsAre("c1 2001:db8::9", "", "", "host 192.0.2.9"));
  EXPECT_EQ(ask("", {"sctp", "127.0.0.1", 5868}), "c1 10.22.0.1");
  EXPECT_EQ(ask("c2", {"sctp", "192.0.2.1", 5868}), "c1 10.22.0.1");
  EXPECT_THAT(tracked(), HasSubstr("sport=40000"));
  unpublish("c1", diameter);
  EXPECT_THAT(tracked(), Not(HasSubstr("sport=40000")));
  EXPECT_EQ(ask("outside", probe), "");
  publish_for("c2", diameter);
  EXPECT_EQ(ask("outside", probe), "c2 192.0.2.9");
  expect_refused(
      portmap_conf(diameter, results_.at("c1")),
      "sctp port 5868 of the host is redirected to 10.22.0.3 for the attachment net: net1");
  expect_refused(portmap_conf(Json::array({mapping(3869, 3868, "sctp")}), results_.at("c1")),
                 "sctp port 3869 of the host is in use: python3");
}

// Random mappings, and the model of where a packet goes.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    for (const int port : kPorts) {
      for (const char* protocol : {"tcp", "udp"}) {
        if (pick(3) != 0) {
          add(port, protocol, "");
        }
        if (pick(3) == 0) {
          add(port, protocol, kHostAddresses[pick(kHostAddresses.size())]);
        }
      }
    }
  }

  // Mappings of a container.
  [[nodiscard]] const Json& of(const std::string& container) const {
    return mappings_.at(container);
  }
  // Ports that nobody has.
  [[nodiscard]] std::vector<int> free_ports() const {
    std::vector<int> ports;
    for (const int port : kPorts) {
      if (!used_.contains(port)) {
        ports.push_back(port);
      }
    }
    return ports;
  }
  // Who answers.
  [[nodiscard]] std::string expect(const Probe& probe) const {
    if (probe.address == "10.77.0.9" || probe.address == "fd77::9") {
      return "elsewhere";
    }
    for (const std::string& address : {probe.address, std::string()}) {
      const auto found = targets_.find(key(probe.port, probe.protocol, address));
      if (found != targets_.end()) {
        return found->second;
      }
    }
    return used_.contains(probe.port) ? "" : "host";
  }

  static const std::vector<int> kPorts;
  static const std::vector<std::string> kHostAddresses;

 private:
  static std::string key(int port, const std::string& protocol, const std::string& address) {
    return concat(port, protocol, address);
  }
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }
  void add(int port, const std::string& protocol, const std::string& address) {
    const std::string container = pick(2) == 0 ? "c1" : "c2";
    mappings_[container].push_back(
        mapping(port, 80 + static_cast<int>(pick(3)), protocol, address));
    targets_[key(port, protocol, address)] = container;
    used_.insert(port);
  }

  std::mt19937 random_;
  std::map<std::string, Json> mappings_ = {{"c1", Json::array()}, {"c2", Json::array()}};
  std::map<std::string, std::string> targets_;
  std::set<int> used_;
};

const std::vector<int> Model::kPorts = {53, 80, 443, 5000, 5001, 5002, 8080, 65535};
const std::vector<std::string> Model::kHostAddresses = {"192.0.2.1",   "10.77.0.1", "10.22.0.1",
                                                        "2001:db8::1", "fd77::1",   "fd22::1"};

TEST_F(PortmapTraffic, IsRedirectedExactlyAsTheMappingsSay) {
  make_elsewhere();
  serve("elsewhere", "elsewhere", Model::kPorts);
  serve("c1", "c1", {80, 81, 82});
  serve("c2", "c2", {80, 81, 82});
  for (const unsigned seed : {1U, 2U, 3U}) {
    const Model model(seed);
    publish_for("c1", model.of("c1"));
    publish_for("c2", model.of("c2"));
    serve("", "host", model.free_ports());
    for (const char* from : {"outside", "elsewhere", "c2", ""}) {
      std::vector<Probe> probes;
      std::vector<std::string> addresses = Model::kHostAddresses;
      if (std::string_view(from) == "") {
        addresses.emplace_back("127.0.0.1");
      }
      if (std::string_view(from) != "elsewhere") {
        addresses.insert(addresses.end(), {"10.77.0.9", "fd77::9"});
      }
      for (const std::string& address : addresses) {
        for (const int port : Model::kPorts) {
          probes.push_back({"tcp", address, port});
          probes.push_back({"udp", address, port});
        }
      }
      const std::vector<std::string> answers = ask(from, probes);
      for (std::size_t i = 0; i < probes.size(); ++i) {
        EXPECT_EQ(answers[i].substr(0, answers[i].find(' ')), model.expect(probes[i]))
            << "seed " << seed << ", from " << from << ": " << probes[i].protocol << " "
            << probes[i].address << " " << probes[i].port;
      }
    }
    stop_last_server();
    unpublish("c1", model.of("c1"));
    unpublish("c2", model.of("c2"));
  }
}

}  // namespace
}  // namespace linnet::test
