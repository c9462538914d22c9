// What ADD of the bridge plugin makes, read back by iproute2 and nft.
#include <gmock/gmock.h>

#include <set>

#include "base/file.h"
#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"
#include "tests/support/temp_folder.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

class BridgeAdd : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
      make_container("c2");
    }
  }
};

std::set<std::string> addresses(const Json& link) {
  std::set<std::string> found;
  for (const Json& address : link["addr_info"]) {
    if (address["scope"] == "global") {
      found.insert(address["local"].get<std::string>() + "/" +
                   std::to_string(address["prefixlen"].get<int>()));
    }
  }
  return found;
}

TEST_F(BridgeAdd, GivesAddressRouteAndGateway) {
  const Json result = add(bridge_conf());
  const Json container = ip("c1", {"addr", "show", "eth0"})[0];
  EXPECT_EQ(container["operstate"], "UP");
  EXPECT_EQ(addresses(container), (std::set<std::string>{"10.22.0.2/24"}));
  const Json route = ip("c1", {"route", "show", "default"})[0];
  EXPECT_EQ(route["gateway"], "10.22.0.1");
  EXPECT_EQ(addresses(ip("", {"addr", "show", "br0"})[0]), (std::set<std::string>{"10.22.0.1/24"}));

  EXPECT_EQ(result["interfaces"][0]["name"], "br0");
  EXPECT_EQ(result["interfaces"][0]["mac"], ip("", {"link", "show", "br0"})[0]["address"]);
  const std::string port = result["interfaces"][1]["name"];
  EXPECT_EQ(ip("", {"link", "show", port})[0]["master"], "br0");
  EXPECT_EQ(result["interfaces"][1]["mac"], ip("", {"link", "show", port})[0]["address"]);
  EXPECT_EQ(result["interfaces"][2]["mac"], container["address"]);
  EXPECT_EQ(result["interfaces"][2]["mtu"], 1500);
  EXPECT_EQ(result["interfaces"][2]["sandbox"], "/run/netns/c1");
  EXPECT_EQ(result["ips"][0]["interface"], 2);
}

TEST_F(BridgeAdd, TheFirstPacketIsAnsweredOverBothFamilies) {
  static_cast<void>(add(dual_stack_conf(), "c1"));
  EXPECT_TRUE(ping("", "10.22.0.2"));
  static_cast<void>(add(dual_stack_conf(), "c2"));
  EXPECT_TRUE(ping("", "fd22::3"));
  EXPECT_TRUE(ping("c1", "10.22.0.3"));
  EXPECT_TRUE(ping("c1", "fd22::3"));
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
}

TEST_F(BridgeAdd, AnAddressThatMovesToAnotherContainerIsReachedAtOnce) {
  Json conf = dual_stack_conf();
  conf["args"]["cni"]["ips"] = {"10.22.0.9", "fd22::9"};
  static_cast<void>(add(conf, "c1"));
  EXPECT_TRUE(ping("", "10.22.0.9"));
  EXPECT_TRUE(ping("", "fd22::9"));
  del(conf, "c1");
  static_cast<void>(add(conf, "c2"));
  EXPECT_TRUE(ping("", "10.22.0.9"));
  EXPECT_TRUE(ping("", "fd22::9"));
}

TEST_F(BridgeAdd, TheBridgeKeepsItsMacWhenPortsComeAndGo) {
  const Json first = add(bridge_conf(), "c1");
  const Json second = add(bridge_conf(), "c2");
  EXPECT_EQ(first["interfaces"][0]["mac"], second["interfaces"][0]["mac"]);
  del(bridge_conf(), "c1");
  EXPECT_EQ(ip("", {"link", "show", "br0"})[0]["address"], first["interfaces"][0]["mac"]);
}

TEST_F(BridgeAdd, PinsTheMacOfABridgeThatSomebodyElseMade) {
  must_run({"ip", "link", "add", "br0", "type", "bridge"});
  const Json result = add(bridge_conf(), "c1");
  static_cast<void>(add(bridge_conf(), "c2"));
  const Json bridge = ip("", {"link", "show", "br0"})[0];
  EXPECT_EQ(bridge["address"].dump(), result["interfaces"][0]["mac"].dump());
  EXPECT_THAT(bridge["flags"].dump(), HasSubstr("\"UP\""));
}

TEST_F(BridgeAdd, RefusesANameThatIsNoBridge) {
  must_run({"ip", "link", "add", "br0", "type", "veth", "peer", "name", "other"});
  const ProgramOutput output = call({.verb = "ADD", .conf = bridge_conf()});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.json()["msg"].get<std::string>(),
              HasSubstr("\"br0\" already exists but is not a bridge"));
}

TEST_F(BridgeAdd, DefaultGatewayAddsARouteAFamily) {
  Json conf = with(dual_stack_conf(), {{"isDefaultGateway", true}, {"isGateway", false}});
  conf["ipam"].erase("routes");
  const Json result = add(conf);
  EXPECT_EQ(ip("c1", {"route", "show", "default"})[0]["gateway"], "10.22.0.1");
  EXPECT_EQ(ip("c1", {"-6", "route", "show", "default"})[0]["gateway"], "fd22::1");
  EXPECT_EQ(result["routes"].size(), 2U);
}

TEST_F(BridgeAdd, AppliesEveryAttributeOfARoute) {
  Json conf = bridge_conf();
  conf["ipam"]["routes"] = Json::parse(R"([
    {"dst": "10.99.0.0/16", "gw": "10.22.0.7", "mtu": 1300, "advmss": 1200, "priority": 50},
    {"dst": "10.98.0.0/16", "table": 1000}, {"dst": "10.97.0.0/16", "scope": 253},
    {"dst": "10.96.0.0/16", "gw": "192.0.2.1"}])");
  static_cast<void>(add(conf));
  const Json route = ip("c1", {"route", "show", "10.99.0.0/16"})[0];
  EXPECT_EQ(route["gateway"], "10.22.0.7");
  EXPECT_EQ(route["metric"], 50);
  EXPECT_EQ(route["metrics"][0]["mtu"], 1300);
  EXPECT_EQ(route["metrics"][0]["advmss"], 1200);
  EXPECT_EQ(ip("c1", {"route", "show", "table", "1000"})[0]["dst"], "10.98.0.0/16");
  EXPECT_EQ(ip("c1", {"route", "show", "10.97.0.0/16"})[0]["scope"], "link");
  // A gateway outside every subnet is reached on the link.
  EXPECT_EQ(ip("c1", {"route", "show", "10.96.0.0/16"})[0]["flags"][0], "onlink");
}

TEST_F(BridgeAdd, SetsMtuHairpinIsolationAndPromiscuousMode) {
  const Json result =
      add(with(bridge_conf(), {{"mtu", 1400}, {"hairpinMode", true}, {"portIsolation", true}}));
  const Json port = ip("", {"link", "show", result["interfaces"][1]["name"]})[0];
  EXPECT_EQ(port["mtu"], 1400);
  EXPECT_EQ(port["linkinfo"]["info_slave_data"]["hairpin"], true);
  EXPECT_EQ(port["linkinfo"]["info_slave_data"]["isolated"], true);
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["mtu"], 1400);
  static_cast<void>(add(with(bridge_conf(), {{"promiscMode", true}}), "c2"));
  EXPECT_THAT(ip("", {"link", "show", "br0"})[0]["flags"].dump(), HasSubstr("PROMISC"));
}

TEST_F(BridgeAdd, IsolatedPortsReachTheGatewayButNotEachOther) {
  const Json conf = with(bridge_conf(), {{"portIsolation", true}});
  static_cast<void>(add(conf, "c1"));
  static_cast<void>(add(conf, "c2"));
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  EXPECT_FALSE(ping("c1", "10.22.0.3"));
}

TEST_F(BridgeAdd, RepairsTheMtuOfABridgeThatIsThere) {
  must_run({"ip", "link", "add", "br0", "mtu", "1300", "type", "bridge"});
  static_cast<void>(add(with(bridge_conf(), {{"mtu", 1400}})));
  EXPECT_EQ(ip("", {"link", "show", "br0"})[0]["mtu"], 1400);
}

TEST_F(BridgeAdd, TakesTheMacFromEachOfItsSourcesByPrecedence) {
  const auto mac_of = [&](const Json& conf, const std::string& args) {
    const ProgramOutput output = call({.verb = "ADD", .conf = conf, .args = args});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    const Json link = ip("c1", {"link", "show", "eth0"})[0];
    del(conf);
    return link["address"].get<std::string>();
  };
  // Of a delegate's view MAC is unknown, so callers send IgnoreUnknown.
  const std::string args = "IgnoreUnknown=1;MAC=02:00:00:00:00:01";
  EXPECT_EQ(mac_of(bridge_conf(), args), "02:00:00:00:00:01");
  Json conf = bridge_conf();
  conf["args"]["cni"]["mac"] = "02:00:00:00:00:02";
  EXPECT_EQ(mac_of(conf, args), "02:00:00:00:00:02");
  conf["runtimeConfig"]["mac"] = "02:00:00:00:00:03";
  EXPECT_EQ(mac_of(conf, args), "02:00:00:00:00:03");
}

TEST_F(BridgeAdd, ReportsLayer2WithoutAddresses) {
  const Json result = add(layer2_conf());
  EXPECT_EQ(result["interfaces"].size(), 3U);
  EXPECT_FALSE(result.contains("ips"));
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["operstate"], "UP");
}

TEST_F(BridgeAdd, LeavesTheContainerInterfaceDownWhenAsked) {
  static_cast<void>(add(with(layer2_conf(), {{"disableContainerInterface", true}})));
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["operstate"], "DOWN");
}

TEST_F(BridgeAdd, RefusesAnotherGatewayAddressUnlessForced) {
  must_run({"ip", "link", "add", "br0", "type", "bridge"});
  must_run({"ip", "addr", "add", "10.55.0.1/24", "dev", "br0"});
  const ProgramOutput output = call({.verb = "ADD", .conf = bridge_conf()});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.json()["msg"].get<std::string>(),
              HasSubstr("already has an IP address different from 10.22.0.1/24"));
  static_cast<void>(add(with(bridge_conf(), {{"forceAddress", true}})));
  EXPECT_EQ(addresses(ip("", {"addr", "show", "br0"})[0]), (std::set<std::string>{"10.22.0.1/24"}));
}

TEST_F(BridgeAdd, SpeaksEveryVersion) {
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    const Json conf = with(bridge_conf(), {{"cniVersion", version}});
    const Json result = add(conf);
    EXPECT_EQ(result["cniVersion"], version);
    EXPECT_EQ(result.contains("ip4"), std::string(version) < "0.3.0");
    EXPECT_EQ(result.contains("interfaces"), std::string(version) >= "0.3.0");
    del(conf);
  }
}

TEST_F(BridgeAdd, RefusesASecondAddAndLeavesTheFirstAlone) {
  static_cast<void>(add(bridge_conf()));
  const std::string before = world();
  const ProgramOutput output = call({.verb = "ADD", .conf = bridge_conf()});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr("already exists"));
  EXPECT_EQ(world(), before);
  EXPECT_TRUE(ping("", "10.22.0.2"));
}

TEST_F(BridgeAdd, ReplacesWhatTheSameContainerLeftInAnEarlierNamespace) {
  static_cast<void>(add(bridge_conf(), "c1"));
  const Call again = {.verb = "ADD",
                      .container = "c1",
                      .conf = bridge_conf(),
                      .environment = {{"CNI_NETNS", "/run/netns/c2"}}};
  EXPECT_EQ(call(again).exit_code, 0);
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"}).size(), 0U);
  EXPECT_TRUE(ping("", "10.22.0.2"));
}

TEST_F(BridgeAdd, WarnsOfAMisspeltKeyAndGoesOn) {
  const ProgramOutput output =
      call({.verb = "ADD", .conf = with(bridge_conf(), {{"isGatway", true}})});
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.standard_error,
              HasSubstr("\"isGatway\": unknown key, did you mean \"isGateway\"?"));
}

// What is left of host-local here can be recognised and not executed.
TEST_F(BridgeAdd, RunsHostLocalOfItsOwnBuildInItsOwnProcessAndExecutesAnyOther) {
  const TempFolder folder;
  std::string head =
      read_file(plugin_path_ + "/host-local", std::size_t{256} << 20U).substr(0, 4096);
  write_file_atomically(folder.path() + "/host-local", head, 0755);
  const std::map<std::string, std::string> environment = {{"CNI_PATH", folder.path()}};
  const Call call_add = {.verb = "ADD", .conf = bridge_conf(), .environment = environment};
  const ProgramOutput linked = call(call_add);
  EXPECT_EQ(linked.exit_code, 0) << linked.standard_output;
  EXPECT_EQ(linked.json()["ips"][0]["address"], "10.22.0.2/24");
  const ProgramOutput removal =
      call({.verb = "DEL", .conf = bridge_conf(), .environment = environment});
  EXPECT_EQ(removal.exit_code, 0) << removal.standard_output;

  head.replace(head.find("host-local "), 11, "host-other ");
  write_file_atomically(folder.path() + "/host-local", head, 0755);
  const ProgramOutput executed = call(call_add);
  EXPECT_EQ(executed.exit_code, 1);
  EXPECT_THAT(executed.standard_output, HasSubstr("plugin type=\\\"host-local\\\" failed (add)"));
}

}  // namespace
}  // namespace linnet::test
