// The vlan plugin. Needs a kernel with VLANs.
#include <gmock/gmock.h>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

Json vlan_conf() {
  return Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net1", "type": "vlan", "master": "up0", "vlanId": 100,
    "ipam": {"type": "host-local",
             "ranges": [[{"subnet": "10.24.0.0/24", "rangeStart": "10.24.0.10", "gateway": "10.24.0.1"}],
                        [{"subnet": "fd24::/64", "rangeStart": "fd24::10", "gateway": "fd24::1"}]],
             "routes": [{"dst": "0.0.0.0/0"}]}})");
}

bool kernel_has_vlans() {
  const bool able =
      run_program({"ip", "link", "add", "link", "up0", "name", "probe0", "type", "vlan", "id", "7"})
          .exit_code == 0;
  static_cast<void>(run_program({"ip", "link", "delete", "probe0"}));
  return able;
}

class VlanBase : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
      make_container("c2");
      make_outside();
    }
  }
  [[nodiscard]] static std::string everything() {
    std::string text = world();
    for (const char* name : {"c1", "c2"}) {
      text += links_of(name);
    }
    return text;
  }
  void expect_refused(const Json& conf, int code, const std::string& words) const {
    const std::string before = everything();
    const ProgramOutput output = call({.verb = "ADD", .conf = conf});
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    EXPECT_EQ(output.json()["code"], code) << output.standard_output;
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(everything(), before);
  }
};

class VlanPlugin : public VlanBase {
 protected:
  void SetUp() override {
    VlanBase::SetUp();
    if (IsSkipped()) {
      return;
    }
    if (!kernel_has_vlans()) {
      GTEST_SKIP() << "needs a kernel with VLANs (CONFIG_VLAN_8021Q)";
    }
    const auto outside = [](std::vector<std::string> command) {
      command.insert(command.begin(), {"ip", "-n", "outside"});
      must_run(command);
    };
    outside({"link", "add", "link", "out0", "name", "tagged", "type", "vlan", "id", "100"});
    outside({"addr", "add", "10.24.0.1/24", "dev", "tagged"});
    outside({"addr", "add", "fd24::1/64", "dev", "tagged", "nodad"});
    outside({"link", "set", "tagged", "up"});
  }
};

TEST_F(VlanPlugin, TheContainerIsInTheVlanAndDelLeavesTheWorldAsItWas) {
  must_run({"ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"});
  const std::string before = everything();
  const Json result = add(vlan_conf());
  const Json link = ip("c1", {"link", "show", "eth0"})[0];
  EXPECT_EQ(link["linkinfo"]["info_kind"], "vlan");
  EXPECT_EQ(link["linkinfo"]["info_data"]["id"], 100);
  EXPECT_EQ(link["address"], ip("", {"link", "show", "up0"})[0]["address"]);
  EXPECT_EQ(result["interfaces"][0]["mac"], link["address"]);
  EXPECT_TRUE(ping("c1", "10.24.0.1"));
  EXPECT_TRUE(ping("c1", "fd24::1"));
  EXPECT_EQ(check_message(vlan_conf(), result), "");
  for (int i = 0; i < 2; ++i) {
    del(vlan_conf(), "c1", result);
    EXPECT_EQ(everything(), before);
  }
}

TEST_F(VlanPlugin, AVlanThatIsTakenAndAMasterThatIsDownAreErrorsWithTheWayOut) {
  static_cast<void>(add(vlan_conf(), "c2"));
  expect_refused(vlan_conf(), 7, "\"vlanId\": the master has an interface for VLAN 100 already");
  del(vlan_conf(), "c2");
  expect_refused(with(vlan_conf(), {{"mtu", 9000}}), 7, "invalid MTU 9000");
  must_run({"ip", "-n", "c1", "link", "add", "eth0", "type", "veth", "peer", "name", "other"});
  expect_refused(vlan_conf(), 4, "\"eth0\" already exists in the container");
  must_run({"ip", "-n", "c1", "link", "delete", "eth0"});
  must_run({"ip", "link", "set", "up0", "down"});
  expect_refused(vlan_conf(), 7, "\"master\": up0 is down");
}

TEST_F(VlanPlugin, DelNeedsNeitherMasterNorNamespaceNorValidKeys) {
  static_cast<void>(add(vlan_conf()));
  must_run({"ip", "link", "delete", "up0"});
  del(with(vlan_conf(), {{"vlanId", "hundred"}, {"mtu", -1}}));
  EXPECT_THAT(everything(), Not(HasSubstr("file ")));
  make_container("inside");
  const Json inner = with(vlan_conf(), {{"linkInContainer", true}, {"master", "in0"}});
  must_run({"ip", "-n", "c1", "link", "add", "in0", "type", "veth", "peer", "name", "in1"});
  must_run({"ip", "-n", "c1", "link", "set", "in0", "up"});
  const Json result = add(inner);
  EXPECT_EQ(check_message(inner, result), "");
  EXPECT_THAT(call({.verb = "ADD", .conf = inner, .ifname = "eth1"}).standard_output,
              HasSubstr("interface for VLAN 100 already"));
  remove_container("c1");
  del(inner);
  EXPECT_THAT(world(), Not(HasSubstr("file ")));
}

TEST_F(VlanPlugin, CheckNamesEachDrift) {
  const Json conf = with(vlan_conf(), {{"mtu", 1400}});
  const Json result = add(conf);
  EXPECT_THAT(check_message(with(conf, {{"vlanId", 101}}), result),
              HasSubstr("eth0 is of VLAN 100, not of VLAN 101"));
  EXPECT_THAT(check_message(with(conf, {{"mtu", 1300}}), result), HasSubstr("has MTU 1400"));
  must_run({"ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1"});
  EXPECT_THAT(check_message(with(conf, {{"master", "other0"}}), result),
              HasSubstr("is not on master other0"));
  must_run({"ip", "-n", "c1", "route", "delete", "default"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("lacks the route to 0.0.0.0/0"));
}

// Runs on every kernel: what is right depends on what it can.
class VlanStatus : public VlanBase {};

TEST_F(VlanStatus, SaysWhetherTheKernelHasVlansAndAFailedAddLeavesNothing) {
  const std::string before = everything();
  const auto status = [&](const Json& changes) {
    return call({.verb = "STATUS", .conf = with(vlan_conf(), changes)});
  };
  const bool able = kernel_has_vlans();
  EXPECT_EQ(status(Json::object()).exit_code, able ? 0 : 1);
  EXPECT_EQ(status({{"master", "eth7"}}).json()["code"], 50);
  EXPECT_EQ(status({{"vlanId", 4095}}).json()["code"], 7);
  if (!able) {
    EXPECT_EQ(status(Json::object()).json()["code"], 50);
    expect_refused(vlan_conf(), 7, "this kernel has no such driver");
    del(vlan_conf());
  }
  EXPECT_EQ(everything(), before);
}

}  // namespace
}  // namespace linnet::test
