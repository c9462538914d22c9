// What only ipvlan has: modes and flags of the master, chains. Needs a kernel with ipvlan.
#include "tests/kernel/child_world.h"
#include "tests/support/plugin_folder.h"

namespace linnet::test {

using cni::Json;
using testing::HasSubstr;

const std::vector<ChildCase>& child_cases() {
  static const std::vector<ChildCase> cases = {
      {.name = "l2", .keys = {{"type", "ipvlan"}, {"mode", "l2"}}, .thorough = true},
      {.name = "l3",
       .keys = {{"type", "ipvlan"}, {"mode", "l3"}},
       .layer3 = true,
       .thorough = true},
      {.name = "l3s", .keys = {{"type", "ipvlan"}, {"mode", "l3s"}}, .layer3 = true},
      {.name = "l2private",
       .keys = {{"type", "ipvlan"}, {"mode", "l2"}, {"flag", "private"}},
       .siblings_talk = false,
       .host_access = false},
      // Siblings talk where the switch sends frames back to the port they came from; a veth does not.
      {.name = "l2vepa",
       .keys = {{"type", "ipvlan"}, {"mode", "l2"}, {"flag", "vepa"}},
       .siblings_talk = false},
  };
  return cases;
}

namespace {

class Ipvlan : public ChildTest {
 protected:
  static std::string flag_of(const std::string& netns) {
    const Json data = ip(netns, {"link", "show", "eth0"})[0]["linkinfo"]["info_data"];
    for (const auto& [key, value] : data.items()) {
      if (key != "mode") {
        return key;
      }
    }
    return {};
  }
};

INSTANTIATE_TEST_SUITE_P(Mode, Ipvlan, testing::Values(child_cases().front()),
                         [](const auto& one) { return one.param.name; });

TEST_P(Ipvlan, ModeL2WithFlagBridgeIsTheDefault) {
  Json plain = conf();
  plain.erase("mode");
  static_cast<void>(add(plain));
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["linkinfo"]["info_data"]["mode"], "l2");
  EXPECT_EQ(flag_of("c1"), "bridge");
  del(plain);
  for (const std::string flag : {"private", "vepa", "bridge"}) {
    const Json flagged = conf_with({{"flag", flag}});
    const Json result = add(flagged);
    EXPECT_EQ(flag_of("c1"), flag);
    EXPECT_EQ(check_message(flagged, result), "");
    const std::string other = flag == "private" ? "vepa" : "private";
    EXPECT_THAT(check_message(conf_with({{"flag", other}}), result),
                HasSubstr("eth0 has flag " + flag + ", not " + other));
    del(flagged);
  }
}

TEST_P(Ipvlan, HasTheMastersMac) {
  const Json result = add(conf());
  EXPECT_EQ(result["interfaces"][0]["mac"], ip("", {"link", "show", "up0"})[0]["address"]);
}

TEST_P(Ipvlan, ALaterContainersModeIsEverybodys) {
  const Json result = add(conf(), "c1");
  static_cast<void>(add(conf_with({{"mode", "l3"}}), "c2"));
  EXPECT_THAT(check_message(conf(), result), HasSubstr("eth0 is in mode l3, not l2"));
}

TEST_P(Ipvlan, RoutesOfLayer3NeedNoGateway) {
  Json layer3 = conf_with({{"mode", "l3"}});
  layer3["ipam"]["routes"] = {{{"dst", "0.0.0.0/0"}, {"gw", "192.0.2.7"}}, {{"dst", "::/0"}}};
  const Json result = add(layer3);
  for (const char* family : {"-4", "-6"}) {
    const Json route = ip("c1", {family, "route", "show", "default"})[0];
    EXPECT_EQ(route["dev"], "eth0");
    EXPECT_FALSE(route.contains("gateway"));
  }
  for (const Json& entry : result["ips"]) {
    EXPECT_FALSE(entry.contains("gateway"));
  }
  for (const Json& route : result["routes"]) {
    EXPECT_FALSE(route.contains("gw"));
  }
  EXPECT_EQ(check_message(layer3, result), "");
}

TEST_P(Ipvlan, AChainGivesMasterAndAddresses) {
  Json chained = conf();
  chained.erase("ipam");
  chained.erase("master");
  chained["prevResult"] = Json::parse(R"({"cniVersion": "1.1.0",
      "interfaces": [{"name": "up0"}],
      "ips": [{"address": "10.22.0.77/24", "gateway": "10.22.0.1", "interface": 0}],
      "routes": [{"dst": "0.0.0.0/0"}]})");
  const std::string before = everything();
  const Json result = add(chained);
  EXPECT_EQ(result["interfaces"].size(), 1U);
  EXPECT_EQ(result["interfaces"][0]["name"], "eth0");
  EXPECT_EQ(result["ips"][0]["address"], "10.22.0.77/24");
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
  EXPECT_EQ(check_message(chained, result), "");
  del(chained, "c1", result);
  EXPECT_EQ(everything(), before);
  chained["prevResult"]["interfaces"].push_back({{"name", "lo"}});
  EXPECT_THAT(refusal(chained, 7), HasSubstr("PrevResult lacks a single named interface"));
}

TEST_P(Ipvlan, AMasterWithMacvlansIsAnErrorWithTheWayOut) {
  must_run({"ip", "link", "add", "link", "up0", "name", "mac0", "type", "macvlan"});
  const std::string before = everything();
  EXPECT_THAT(refusal(conf(), 7), HasSubstr("carries interfaces of another kind already"));
  EXPECT_EQ(everything(), before);
}

TEST_P(Ipvlan, LoopbackIsNoMaster) {
  EXPECT_THAT(refusal(conf_with({{"master", "lo"}}), 7), HasSubstr("Ethernet interface"));
}

// Runs on every kernel: what is right depends on what it can.
class IpvlanStatus : public ChildWorld {};

TEST_F(IpvlanStatus, SaysWhetherTheKernelHasIpvlan) {
  const std::string before = everything();
  const bool able =
      run_program({"ip", "link", "add", "link", "up0", "name", "probe0", "type", "ipvlan"})
          .exit_code == 0;
  static_cast<void>(run_program({"ip", "link", "delete", "probe0"}));
  const Json conf = conf_of(child_cases().front());
  const ProgramOutput output = call({.verb = "STATUS", .conf = conf});
  EXPECT_EQ(output.exit_code, able ? 0 : 1) << output.standard_output;
  EXPECT_EQ(everything(), before);
  if (!able) {
    EXPECT_EQ(output.json()["code"], 50);
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr("no driver for ipvlan"));
    EXPECT_THAT(refusal(conf, 7), HasSubstr("this kernel has no such driver"));
    EXPECT_EQ(everything(), before);
    del(conf);
    Json gc = conf;
    gc["cni.dev/valid-attachments"] = Json::array();
    EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  }
}

}  // namespace
}  // namespace linnet::test
