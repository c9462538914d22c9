// vrf behind bridge. Needs a kernel with VRFs.
#include <gmock/gmock.h>

#include "base/text.h"
#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

bool kernel_has_vrfs() {
  const bool able =
      run_program({"ip", "link", "add", "probe0", "type", "vrf", "table", "7"}).exit_code == 0;
  static_cast<void>(run_program({"ip", "link", "delete", "probe0"}));
  return able;
}

class VrfBase : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
      before_ = add(dual_stack_conf());
    }
  }
  [[nodiscard]] Json conf(const Json& changes = Json::object()) const {
    Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "vrf"}, {"vrfname", "blue"}};
    conf["prevResult"] = before_;
    return with(std::move(conf), changes);
  }
  [[nodiscard]] static std::string inside(std::vector<std::string> command) {
    command.insert(command.begin(), {"ip", "-n", "c1"});
    return run_program(command).standard_output;
  }
  // Links, addresses and routes of the container; the rule that the first VRF brings stays.
  [[nodiscard]] static std::string state() {
    std::string addresses;
    for (const Json& link : ip("c1", {"addr", "show", "scope", "global"})) {
      for (const Json& address : link.value("addr_info", Json::array())) {
        addresses += concat(link.value("ifname", ""), " ", address.value("local", ""), "/",
                            address.value("prefixlen", 0), "\n");
      }
    }
    return links_of("c1") + addresses + inside({"route", "show", "proto", "boot"}) +
           inside({"-6", "route", "show", "default"});
  }
  void expect_refused(const Json& conf, int code, const std::string& words) const {
    const std::string before = state();
    const ProgramOutput output = call({.verb = "ADD", .conf = conf});
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    EXPECT_EQ(output.json()["code"], code) << output.standard_output;
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(state(), before);
  }

  Json before_;
};

class Vrf : public VrfBase {
 protected:
  void SetUp() override {
    VrfBase::SetUp();
    if (!IsSkipped() && !kernel_has_vrfs()) {
      GTEST_SKIP() << "needs a kernel with VRFs (CONFIG_NET_VRF)";
    }
  }
};

TEST_F(Vrf, TheInterfaceKeepsAddressesAndRoutesInTheTableOfTheVrf) {
  const std::string before = state();
  EXPECT_EQ(add(conf({{"table", 42}})), before_);
  const Json vrf = ip("c1", {"link", "show", "blue"})[0];
  EXPECT_EQ(vrf["linkinfo"]["info_data"]["table"], 42);
  EXPECT_THAT(vrf["flags"].dump(), HasSubstr("\"UP\""));
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["master"], "blue");
  EXPECT_THAT(inside({"-6", "addr", "show", "dev", "eth0"}), HasSubstr("fd22::2"));
  EXPECT_THAT(inside({"route", "show", "vrf", "blue"}),
              HasSubstr("default via 10.22.0.1 dev eth0"));
  EXPECT_THAT(inside({"-6", "route", "show", "vrf", "blue"}),
              HasSubstr("default via fd22::1 dev eth0"));
  EXPECT_THAT(inside({"route", "show"}), Not(HasSubstr("eth0")));
  EXPECT_EQ(
      run_program({"ip", "netns", "exec", "c1", "ping", "-nc1", "-W1", "-I", "blue", "10.22.0.1"})
          .exit_code,
      0);
  EXPECT_EQ(
      run_program({"ip", "netns", "exec", "c1", "ping", "-nc1", "-W1", "-I", "blue", "fd22::1"})
          .exit_code,
      0);
  EXPECT_EQ(check_message(conf({{"table", 42}}), before_), "");
  EXPECT_EQ(check_message(dual_stack_conf(), before_), "");
  // Another ADD finds all of it there.
  EXPECT_EQ(add(conf({{"table", 42}})), before_);
  for (int i = 0; i < 2; ++i) {
    del(conf(), "c1", before_);
    EXPECT_EQ(state(), before);
  }
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
}

TEST_F(Vrf, ARouteWaitsForTheAddressThatItNames) {
  for (const char* setting : {"keep_addr_on_down=1", "accept_dad=1"}) {
    must_run(
        {"ip", "netns", "exec", "c1", "sysctl", "-qw", concat("net.ipv6.conf.eth0.", setting)});
  }
  must_run({"ip", "-n", "c1", "addr", "add", "fd99::2/64", "dev", "eth0", "nodad"});
  must_run({"ip", "-n", "c1", "-6", "route", "add", "2001:db8::/32", "via", "fd99::1", "src",
            "fd99::2"});
  // The kernel keeps the address, and looks for duplicates of it again.
  must_run({"ip", "-n", "c1", "addr", "change", "fd99::2/64", "dev", "eth0"});
  static_cast<void>(add(conf()));
  EXPECT_THAT(inside({"-6", "route", "show", "vrf", "blue"}),
              HasSubstr("2001:db8::/32 via fd99::1 dev eth0 src fd99::2"));
  del(conf());
  EXPECT_THAT(inside({"-6", "route", "show"}),
              HasSubstr("2001:db8::/32 via fd99::1 dev eth0 src fd99::2"));
}

TEST_F(Vrf, TheVrfGoesWithItsLastInterfaceAndTablesAreChosen) {
  must_run({"ip", "-n", "c1", "link", "add", "red", "type", "vrf", "table", "1"});
  Json second = conf();
  second["prevResult"] =
      call({.verb = "ADD",
            .conf = with(dual_stack_conf(), {{"name", "net2"}, {"bridge", "br1"}}),
            .ifname = "eth1"})
          .json();
  static_cast<void>(add(conf()));
  EXPECT_EQ(call({.verb = "ADD", .conf = second, .ifname = "eth1"}).exit_code, 0);
  EXPECT_EQ(ip("c1", {"link", "show", "blue"})[0]["linkinfo"]["info_data"]["table"], 2);
  del(conf());
  EXPECT_THAT(inside({"-br", "link", "show"}), HasSubstr("blue"));
  must_run({"ip", "-n", "c1", "link", "delete", "eth1"});
  EXPECT_EQ(call({.verb = "DEL", .conf = second, .ifname = "eth1"}).exit_code, 0);
  EXPECT_THAT(inside({"-br", "link", "show"}), Not(HasSubstr("blue")));
  remove_container("c1");
  del(conf());
}

TEST_F(Vrf, WhatCannotBeDoneIsAnErrorAndNothingChanges) {
  must_run({"ip", "-n", "c1", "link", "add", "blue", "type", "vrf", "table", "9"});
  expect_refused(conf({{"table", 10}}), 7, "already exist with different routing table 9");
  expect_refused(conf({{"vrfname", "lo"}}), 7, "lo is no VRF");
  must_run({"ip", "-n", "c1", "link", "add", "br7", "type", "bridge"});
  must_run({"ip", "-n", "c1", "link", "set", "eth0", "master", "br7"});
  expect_refused(conf(), 7, "interface eth0 already has master br7");
  expect_refused(conf({{"vrfname", "green"}}), 7, "interface eth0 already has master br7");
}

TEST_F(Vrf, CheckNamesEachDrift) {
  static_cast<void>(add(conf()));
  must_run({"ip", "-n", "c1", "link", "set", "blue", "down"});
  EXPECT_THAT(check_message(conf(), before_), HasSubstr("VRF blue is down"));
  must_run({"ip", "-n", "c1", "link", "set", "eth0", "nomaster"});
  EXPECT_THAT(check_message(conf(), before_), HasSubstr("eth0 is not in VRF blue"));
  EXPECT_THAT(check_message(conf({{"table", 77}}), before_), HasSubstr("not 77"));
  must_run({"ip", "-n", "c1", "link", "delete", "blue"});
  EXPECT_THAT(check_message(conf(), before_), HasSubstr("there is no VRF blue"));
  must_run({"ip", "-n", "c1", "link", "delete", "eth0"});
  EXPECT_THAT(check_message(conf(), before_), HasSubstr("eth0 is not in the container"));
}

// Runs on every kernel: what is right depends on what it can.
class VrfStatus : public VrfBase {};

TEST_F(VrfStatus, SaysWhetherTheKernelHasVrfsAndAFailedAddLeavesNothing) {
  const bool able = kernel_has_vrfs();
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf()}).exit_code, able ? 0 : 1);
  expect_refused(conf({{"vrfname", ""}}), 7, "\"vrfname\": missing");
  Json unchained = conf();
  unchained.erase("prevResult");
  expect_refused(unchained, 7, "missing prevResult from earlier plugin");
  if (!able) {
    EXPECT_EQ(call({.verb = "STATUS", .conf = conf()}).json()["code"], 50);
    expect_refused(conf(), 999, "create vrf blue");
  }
  const ProgramOutput unnamed = call({.verb = "DEL", .conf = conf({{"vrfname", 7}})});
  EXPECT_EQ(unnamed.exit_code, 0) << unnamed.standard_output;
  EXPECT_THAT(unnamed.standard_error, HasSubstr("\"vrfname\": expected a string, got 7"));
  EXPECT_THAT(unnamed.standard_error, HasSubstr("no VRF is left"));
}

}  // namespace
}  // namespace linnet::test
