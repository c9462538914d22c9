// VLANs of the bridge plugin, read back by iproute2: needs a kernel whose bridges filter VLANs.
#include <gmock/gmock.h>

#include <map>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

// Asked in the namespace of the test, which is left as it was.
bool kernel_filters_vlans() {
  const bool made =
      run_program({"ip", "link", "add", "probe0", "type", "bridge", "vlan_filtering", "1"})
          .exit_code == 0;
  static_cast<void>(run_program({"ip", "link", "delete", "probe0"}));
  return made;
}

class BridgeVlan : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    if (!kernel_filters_vlans()) {
      GTEST_SKIP() << "needs a kernel with bridge VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)";
    }
    make_container("c1");
    make_container("c2");
  }
};

class BridgeVlanStatus : public HostTest {};

// The VLANs of a port, each with its flags: {10: "PVID Egress Untagged"}. Ranges are taken apart.
std::map<int, std::string> vlans(const std::string& port) {
  std::map<int, std::string> found;
  const Json shown = Json::parse(must_run({"bridge", "-j", "vlan", "show"}));
  for (const Json& entry : shown) {
    if (entry.value("ifname", "") != port) {
      continue;
    }
    for (const Json& vlan : entry["vlans"]) {
      std::string flags;
      for (const Json& flag : vlan.value("flags", Json::array())) {
        flags += (flags.empty() ? "" : " ") + flag.get<std::string>();
      }
      const int first = vlan["vlan"];
      for (int id = first; id <= vlan.value("vlanEnd", first); ++id) {
        found[id] = flags;
      }
    }
  }
  return found;
}

std::string port_of(const Json& result) { return result["interfaces"][1]["name"]; }

Json vlan_conf(int vlan) { return with(bridge_conf(), {{"vlan", vlan}}); }

// Containers without IPAM get their addresses from the test.
Json layer2_vlan_conf(int vlan) { return with(layer2_conf(), {{"vlan", vlan}}); }

const std::string kAccess = "PVID Egress Untagged";
using Vlans = std::map<int, std::string>;

TEST_F(BridgeVlan, AnAccessVlanIsUntaggedAndTheOnlyOne) {
  const Json result = add(layer2_vlan_conf(10));
  EXPECT_EQ(vlans(port_of(result)), (Vlans{{10, kAccess}}));
  EXPECT_EQ(ip("", {"link", "show", "br0"})[0]["linkinfo"]["info_data"]["vlan_filtering"], 1);
  EXPECT_EQ(result["interfaces"].size(), 3U);
}

TEST_F(BridgeVlan, ATrunkIsTaggedBesideTheAccessVlan) {
  Json conf = layer2_vlan_conf(10);
  conf["vlanTrunk"] = Json::parse(R"([{"minID": 104, "maxID": 106}, {"id": 101}])");
  const Json result = add(conf);
  EXPECT_EQ(vlans(port_of(result)),
            (Vlans{{10, kAccess}, {101, ""}, {104, ""}, {105, ""}, {106, ""}}));
}

TEST_F(BridgeVlan, RangesOfATrunkThatOverlapOrTouchBecomeOne) {
  Json conf = layer2_conf();
  conf["vlanTrunk"] = Json::parse(
      R"([{"minID": 20, "maxID": 22}, {"minID": 21, "maxID": 23}, {"id": 24}, {"id": 22}])");
  const Json result = add(conf);
  EXPECT_EQ(vlans(port_of(result)),
            (Vlans{{1, kAccess}, {20, ""}, {21, ""}, {22, ""}, {23, ""}, {24, ""}}));
}

TEST_F(BridgeVlan, ATrunkOfEveryVlanIsPossible) {
  Json conf = layer2_conf();
  conf["vlanTrunk"] = Json::parse(R"([{"minID": 2, "maxID": 4094}])");
  const Json result = add(conf);
  const Vlans found = vlans(port_of(result));
  EXPECT_EQ(found.size(), 4094U);
  EXPECT_EQ(found.at(1), kAccess);
  EXPECT_EQ(found.at(4094), "");
}

TEST_F(BridgeVlan, ATrunkWithVlan1CarriesItTaggedOnly) {
  Json conf = layer2_conf();
  conf["vlanTrunk"] = Json::parse(R"([{"minID": 1, "maxID": 3}])");
  const Json result = add(conf);
  EXPECT_EQ(vlans(port_of(result)), (Vlans{{1, ""}, {2, ""}, {3, ""}}));
}

TEST_F(BridgeVlan, TheDefaultVlanStaysWhenAsked) {
  const Json result = add(with(layer2_vlan_conf(10), {{"preserveDefaultVlan", true}}));
  EXPECT_EQ(vlans(port_of(result)), (Vlans{{1, "Egress Untagged"}, {10, kAccess}}));
}

TEST_F(BridgeVlan, APortOfABridgeWithAnotherDefaultVlanGetsOnlyItsOwn) {
  must_run({"ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1",
            "vlan_default_pvid", "7"});
  const Json result = add(layer2_vlan_conf(10));
  EXPECT_EQ(vlans(port_of(result)), (Vlans{{10, kAccess}}));
}

TEST_F(BridgeVlan, TheGatewayHasAnInterfaceInTheVlan) {
  const Json result = add(vlan_conf(10));
  ASSERT_EQ(result["interfaces"].size(), 4U);
  EXPECT_EQ(result["interfaces"][3]["name"], "br0.10");
  const Json gateway = ip("", {"addr", "show", "br0.10"})[0];
  EXPECT_EQ(result["interfaces"][3]["mac"], gateway["address"]);
  EXPECT_EQ(gateway["addr_info"][0]["local"], "10.22.0.1");
  for (const Json& address : ip("", {"addr", "show", "br0"})[0]["addr_info"]) {
    EXPECT_NE(address["family"], "inet");
  }
  EXPECT_EQ(vlans(gateway["link"].get<std::string>()), (Vlans{{10, kAccess}}));
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
}

TEST_F(BridgeVlan, TheGatewaysOfTwoVlansAreApart) {
  Json other = with(vlan_conf(20), {{"name", "net2"}});
  other["ipam"]["ranges"] = Json::parse(R"([[{"subnet": "10.23.0.0/24"}]])");
  static_cast<void>(add(vlan_conf(10), "c1"));
  static_cast<void>(add(other, "c2"));
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  EXPECT_TRUE(ping("c2", "10.23.0.1"));
}

TEST_F(BridgeVlan, TheGatewayInterfaceIsSharedAndRepaired) {
  static_cast<void>(add(vlan_conf(10), "c1"));
  const std::string port = ip("", {"link", "show", "br0.10"})[0]["link"];
  must_run({"bridge", "vlan", "delete", "dev", port, "vid", "10"});
  must_run({"bridge", "vlan", "add", "dev", port, "vid", "20"});
  must_run({"ip", "link", "set", "br0.10", "down"});
  const Json second = add(vlan_conf(10), "c2");
  EXPECT_EQ(second["interfaces"][3]["name"], "br0.10");
  EXPECT_EQ(vlans(port), (Vlans{{10, kAccess}}));
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  EXPECT_TRUE(ping("c2", "10.22.0.1"));
}

TEST_F(BridgeVlan, ContainersReachEachOtherInOneVlanOnly) {
  make_container("c3");
  const Json conf = with(bridge_conf(), {{"isGateway", false}, {"vlan", 10}});
  static_cast<void>(add(conf, "c1"));
  static_cast<void>(add(conf, "c2"));
  static_cast<void>(add(with(conf, {{"vlan", 20}}), "c3"));
  EXPECT_TRUE(ping("c1", "10.22.0.3"));
  EXPECT_FALSE(ping("c1", "10.22.0.4"));
  EXPECT_FALSE(ping("c3", "10.22.0.2"));
}

TEST_F(BridgeVlan, SwitchesFilteringOnInABridgeThatIsThere) {
  must_run({"ip", "link", "add", "br0", "type", "bridge"});
  must_run({"ip", "link", "set", "br0", "up"});
  const Json result = add(layer2_vlan_conf(10));
  EXPECT_EQ(ip("", {"link", "show", "br0"})[0]["linkinfo"]["info_data"]["vlan_filtering"], 1);
  EXPECT_EQ(vlans(port_of(result)), (Vlans{{10, kAccess}}));
}

TEST_F(BridgeVlan, CheckNoticesAVlanThatIsGone) {
  Json conf = vlan_conf(10);
  conf["vlanTrunk"] = Json::parse(R"([{"minID": 100, "maxID": 110}])");
  const Json result = add(conf);
  const Call check = {.verb = "CHECK", .conf = with(conf, {{"prevResult", result}})};
  EXPECT_EQ(call(check).exit_code, 0) << call(check).standard_output;
  must_run({"bridge", "vlan", "delete", "dev", port_of(result), "vid", "105"});
  EXPECT_THAT(call(check).standard_output, HasSubstr("lacks VLAN"));
  must_run({"bridge", "vlan", "add", "dev", port_of(result), "vid", "105"});
  EXPECT_EQ(call(check).exit_code, 0);
  // The access VLAN is there but frames would leave with a tag.
  must_run({"bridge", "vlan", "add", "dev", port_of(result), "vid", "10"});
  EXPECT_THAT(call(check).standard_output, HasSubstr("lacks VLAN 10"));
}

TEST_F(BridgeVlan, CheckNoticesABridgeThatFiltersNoVlans) {
  const Json result = add(vlan_conf(10));
  must_run({"ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "0"});
  const Call check = {.verb = "CHECK", .conf = with(vlan_conf(10), {{"prevResult", result}})};
  EXPECT_THAT(call(check).standard_output, HasSubstr("br0 does not filter VLANs"));
}

TEST_F(BridgeVlan, CheckNoticesTheLossOfTheGateway) {
  const Json result = add(vlan_conf(10));
  const Call check = {.verb = "CHECK", .conf = with(vlan_conf(10), {{"prevResult", result}})};
  EXPECT_EQ(call(check).exit_code, 0) << call(check).standard_output;
  must_run({"ip", "link", "delete", "br0.10"});
  EXPECT_THAT(call(check).standard_output, HasSubstr("br0.10 does not exist"));
}

TEST_F(BridgeVlan, DelLeavesTheWorldAsItWas) {
  Json conf = with(vlan_conf(10), {{"ipMasq", true}});
  conf["vlanTrunk"] = Json::parse(R"([{"minID": 100, "maxID": 110}])");
  // What is shared stays: the bridge, the gateway interface of the VLAN, the table of the rules.
  static_cast<void>(add(conf, "c2"));
  const std::string before = world();
  const Json result = add(conf, "c1");
  EXPECT_NE(world(), before);
  del(conf, "c1", result);
  EXPECT_EQ(world(), before);
  del(conf, "c1", result);
  EXPECT_EQ(world(), before);
}

// Runs on every kernel: what is right depends on what it can.
TEST_F(BridgeVlanStatus, SaysWhetherTheKernelFiltersVlans) {
  const bool able = kernel_filters_vlans();
  const ProgramOutput output = call({.verb = "STATUS", .conf = vlan_conf(10)});
  EXPECT_EQ(output.exit_code, able ? 0 : 1) << output.standard_output;
  if (!able) {
    EXPECT_EQ(output.json()["code"], 50);
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr("this kernel cannot do"));
  }
  // Without VLANs every kernel will do.
  EXPECT_EQ(call({.verb = "STATUS", .conf = bridge_conf()}).exit_code, 0);
}

}  // namespace
}  // namespace linnet::test
