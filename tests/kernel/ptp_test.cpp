// The ptp plugin: what it makes, what flows through it, and that nothing of it stays.
#include <gmock/gmock.h>

#include <set>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

Json ptp_conf() {
  return Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net1", "type": "ptp",
    "ipam": {"type": "host-local",
             "ranges": [[{"subnet": "10.22.0.0/24"}], [{"subnet": "fd22::/64"}]],
             "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}})");
}

// One address of each family that shares its subnet with nobody, and no gateway.
Json unnumbered_conf() {
  return with(ptp_conf(), {{"ipam", Json::parse(R"({"type": "static",
    "addresses": [{"address": "10.77.0.5/32"}, {"address": "fd77::5/128"}],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]})")}});
}

class Ptp : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    make_container("c2");
    make_outside();
  }

  static std::set<std::string> destinations(const std::string& netns, const std::string& family) {
    std::set<std::string> found;
    for (const Json& route : ip(netns, {family, "route", "show", "dev", "eth0"})) {
      found.insert(
          route["dst"].get<std::string>() +
          (route.contains("gateway") ? " via " + route["gateway"].get<std::string>() : ""));
    }
    return found;
  }
};

TEST_F(Ptp, RoutesThroughTheGatewayAndBack) {
  const Json result = add(ptp_conf());
  ASSERT_EQ(result["interfaces"].size(), 2U);
  EXPECT_EQ(result["ips"][0]["interface"], 1);
  EXPECT_EQ(
      destinations("c1", "-4"),
      (std::set<std::string>{"10.22.0.1", "10.22.0.0/24 via 10.22.0.1", "default via 10.22.0.1"}));
  EXPECT_EQ(destinations("c1", "-6"), (std::set<std::string>{"fd22::1", "fd22::/64 via fd22::1",
                                                             "default via fd22::1", "fe80::/64"}));
  const std::string host_link = result["interfaces"][0]["name"];
  EXPECT_EQ(ip("", {"-4", "route", "show", "dev", host_link})[0]["dst"], "10.22.0.2");
  EXPECT_THAT(ip("", {"addr", "show", host_link})[0]["addr_info"].dump(), HasSubstr("10.22.0.1"));
}

TEST_F(Ptp, TheFirstPacketArrivesInEveryDirection) {
  static_cast<void>(add(ptp_conf(), "c1"));
  EXPECT_TRUE(ping("", "fd22::2"));
  EXPECT_TRUE(ping("", "10.22.0.2"));
  static_cast<void>(add(ptp_conf(), "c2"));
  EXPECT_TRUE(ping("c2", "10.22.0.2"));
  EXPECT_TRUE(ping("c1", "fd22::3"));
  EXPECT_TRUE(ping("c1", "192.0.2.1"));
}

TEST_F(Ptp, MasqueradeReachesTheOutsideOverBothFamilies) {
  wait_for_the_outside();
  static_cast<void>(add(with(ptp_conf(), {{"ipMasq", true}})));
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  EXPECT_TRUE(ping("c1", "2001:db8::9"));
}

TEST_F(Ptp, AnAddressWithoutSubnetAndGatewayReachesTheOutside) {
  wait_for_the_outside();
  const Json result = add(with(unnumbered_conf(), {{"ipMasq", true}}));
  EXPECT_EQ(result["ips"][0]["gateway"], "169.254.1.1");
  EXPECT_EQ(result["ips"][1]["gateway"], "fe80::1");
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  EXPECT_TRUE(ping("c1", "2001:db8::9"));
  EXPECT_TRUE(ping("", "10.77.0.5"));
  EXPECT_TRUE(ping("", "fd77::5"));
}

TEST_F(Ptp, DelUndoesAddForEveryCombinationOfKeys) {
  for (const Json& conf :
       {ptp_conf(), unnumbered_conf(), with(ptp_conf(), {{"ipMasq", true}, {"mtu", 1400}}),
        with(ptp_conf(), {{"enabledad", true}, {"cniVersion", "0.3.1"}})}) {
    SCOPED_TRACE(conf.dump());
    const std::string before = world_with_shared_things(conf);
    const Json result = add(conf);
    if (conf["cniVersion"] != "0.3.1") {
      EXPECT_EQ(check_message(conf, result), "");
    }
    EXPECT_NE(world(), before);
    del(conf, "c1", result);
    EXPECT_EQ(world(), before);
    del(conf, "c1", result);
    EXPECT_EQ(world(), before);
  }
}

TEST_F(Ptp, DelNeedsNeitherNamespaceNorPrevResult) {
  const Json conf = with(ptp_conf(), {{"ipMasq", true}});
  const std::string before = world_with_shared_things(conf);
  static_cast<void>(add(conf));
  remove_container("c1");
  del(conf);
  EXPECT_EQ(world(), before);
}

TEST_F(Ptp, AnAddThatFailsLeavesNothing) {
  const Json conf = with(ptp_conf(), {{"ipMasq", true}});
  const std::string clean = world_with_shared_things(conf);
  const auto fails = [&](const Json& broken, const std::string& message) {
    const std::string before = world();
    const ProgramOutput output = call({.verb = "ADD", .conf = broken});
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_THAT(output.standard_output, HasSubstr(message));
    EXPECT_EQ(world(), before);
  };
  must_run({"ip", "route", "add", "10.22.0.3/32", "dev", "up0"});
  const auto timeout = [] {
    return must_run({"ip", "netns", "exec", "c1", "cat", "/proc/sys/net/ipv4/tcp_fin_timeout"});
  };
  const std::string timeout_before = timeout();
  // Fails when the container's end is done.
  fails(with(conf, {{"sysctl", {{"net.ipv4.tcp_fin_timeout", "17"}}}}),
        "the host has a route to 10.22.0.3/32 already");
  EXPECT_EQ(timeout(), timeout_before);
  must_run({"ip", "route", "delete", "10.22.0.3/32", "dev", "up0"});
  Json own_gateway = unnumbered_conf();
  own_gateway["ipam"]["addresses"][0]["gateway"] = "10.77.0.5";
  fails(own_gateway, "gateway 10.77.0.5 of address 10.77.0.5/32 must be another address");
  Json no_ipam = conf;
  no_ipam.erase("ipam");
  fails(no_ipam, "\\\"ipam\\\": missing");
  fails(with(conf, {{"sysctl", {{"net.ipv4.tcp_fin_timeout", "soon"}}}}), "tcp_fin_timeout");
  EXPECT_THAT(ip("c1", {"link", "show"}).dump(), Not(HasSubstr("eth0")));
}

TEST_F(Ptp, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  const Json conf = with(ptp_conf(), {{"ipMasq", true},
                                      {"rps", "0"},
                                      {"rpsContainer", "0"},
                                      {"sysctl", {{"net.ipv4.tcp_fin_timeout", "17"}}}});
  static_cast<void>(world_with_shared_things(conf));
  fail_each_step_of_add(conf, world);
}

TEST_F(Ptp, CheckNamesWhatIsGone) {
  const Json conf = with(ptp_conf(), {{"ipMasq", true}});
  const Json result = add(conf);
  const std::string host_link = result["interfaces"][0]["name"];
  EXPECT_EQ(check_message(conf, result), "");
  must_run({"ip", "route", "delete", "10.22.0.2/32", "dev", host_link});
  EXPECT_THAT(check_message(conf, result), HasSubstr("lacks the route to 10.22.0.2/32"));
  must_run({"ip", "-n", "c1", "route", "delete", "default"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("eth0 lacks the route to 0.0.0.0/0"));
  must_run({"nft", "flush", "set", "inet", "linnet", "masq_10.22.0.0_24"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("10.22.0.2/24 is not masqueraded"));
  must_run({"ip", "addr", "delete", "fd22::1/128", "dev", host_link});
  EXPECT_THAT(check_message(conf, result), HasSubstr("lacks the gateway address fd22::1/128"));
}

TEST_F(Ptp, CheckNamesLinksThatAreDownOrGone) {
  const Json conf = with(ptp_conf(), {{"mtu", 1400}});
  const Json result = add(conf);
  const std::string host_link = result["interfaces"][0]["name"];
  const std::vector<std::pair<std::vector<std::string>, std::string>> changes = {
      {{"sysctl", "-qw", "net.ipv4.ip_forward=0"}, "sysctl net/ipv4/ip_forward is 0"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "mtu", "1300"}, "eth0 has MTU 1300, not 1400"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "down"}, "eth0 is down"},
      {{"ip", "link", "set", host_link, "netns", "c2"}, "the host's end of eth0 is gone"},
      {{"ip", "-n", "c1", "link", "delete", "eth0"}, "eth0 does not exist in /run/netns/c1"},
      {{"ip", "-n", "c1", "link", "add", "eth0", "type", "bridge"},
       "eth0 is not a veth in /run/netns/c1"}};
  for (const auto& [command, words] : changes) {
    must_run(command);
    EXPECT_THAT(check_message(conf, result), HasSubstr(words));
  }
}

TEST_F(Ptp, GcRemovesWhatIsNotListedAndNothingElse) {
  const Json conf = with(ptp_conf(), {{"ipMasq", true}});
  const Json kept = add(conf, "c2");
  const std::string before = world();
  static_cast<void>(add(conf, "c1"));
  const Json valid = {{{"containerID", "c2"}, {"ifname", "eth0"}}};
  const Call gc = {.verb = "GC", .conf = with(conf, {{"cni.dev/valid-attachments", valid}})};
  EXPECT_EQ(call(gc).exit_code, 0);
  EXPECT_EQ(world(), before);
  EXPECT_TRUE(ping("", "10.22.0.2"));
}

TEST_F(Ptp, StatusSaysWhenThePoolIsExhausted) {
  Json conf = ptp_conf();
  conf["ipam"]["ranges"] = Json::parse(R"([[{"subnet": "10.22.0.0/30"}]])");
  conf["ipam"]["routes"] = Json::array();
  const auto status = [&] { return call({.verb = "STATUS", .conf = conf}); };
  EXPECT_EQ(status().exit_code, 0);
  EXPECT_EQ(
      call({.verb = "STATUS", .conf = with(conf, {{"ipMasq", true}, {"mtu", 1400}})}).exit_code, 0);
  static_cast<void>(add(conf));
  EXPECT_EQ(status().json()["code"], 50);
}

// A pair that the reference made is removed by its random name's peer.
TEST_F(Ptp, DelRemovesWhatTheReferencePluginMade) {
  if (reference_folder().empty()) {
    GTEST_SKIP() << "needs the reference plugins (package containernetworking-plugins)";
  }
  const Json conf = with(ptp_conf(), {{"cniVersion", "1.0.0"}});
  static_cast<void>(world_with_shared_things(conf));
  expect_takes_over_from_reference(conf, world);
}

}  // namespace
}  // namespace linnet::test
