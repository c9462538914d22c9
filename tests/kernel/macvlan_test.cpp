// What only macvlan has: modes, Ethernet addresses, queue lengths.
#include "tests/kernel/child_world.h"

namespace linnet::test {

using cni::Json;
using testing::HasSubstr;

const std::vector<ChildCase>& child_cases() {
  static const std::vector<ChildCase> cases = {
      {.name = "bridge", .keys = {{"type", "macvlan"}, {"mode", "bridge"}}, .thorough = true},
      {.name = "private",
       .keys = {{"type", "macvlan"}, {"mode", "private"}},
       .siblings_talk = false,
       .host_access = false},
      // Siblings talk where the switch sends frames back to the port they came from; a veth does not.
      {.name = "vepa", .keys = {{"type", "macvlan"}, {"mode", "vepa"}}, .siblings_talk = false},
      {.name = "passthru",
       .keys = {{"type", "macvlan"}, {"mode", "passthru"}},
       .siblings_talk = false,
       .shares = false,
       .host_access = false,
       .thorough = true},
  };
  return cases;
}

namespace {

class Macvlan : public ChildWorld {
 protected:
  static Json conf_with(const Json& changes) { return with(conf_of(child_cases()[0]), changes); }
  static std::string mac_in(const std::string& netns) {
    return ip(netns, {"link", "show", "eth0"})[0]["address"];
  }
  static std::string uplink_mac() { return ip("", {"link", "show", "up0"})[0]["address"]; }
};

TEST_F(Macvlan, ModeBridgeIsTheDefault) {
  Json conf = conf_with(Json::object());
  conf.erase("mode");
  static_cast<void>(add(conf));
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["linkinfo"]["info_data"]["mode"], "bridge");
}

TEST_F(Macvlan, TakesTheMacFromEachOfItsSourcesByPrecedence) {
  const auto mac_of = [&](const Json& conf, const std::string& args) {
    const ProgramOutput output = call({.verb = "ADD", .conf = conf, .args = args});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    const std::string mac = mac_in("c1");
    EXPECT_EQ(output.json()["interfaces"][0]["mac"], mac);
    del(conf);
    return mac;
  };
  EXPECT_EQ(mac_of(conf_with(Json::object()), ""), mac_of(conf_with(Json::object()), ""));
  Json conf = conf_with({{"mac", "02:00:00:00:00:01"}});
  EXPECT_EQ(mac_of(conf, ""), "02:00:00:00:00:01");
  const std::string args = "IgnoreUnknown=1;MAC=02:00:00:00:00:02";
  EXPECT_EQ(mac_of(conf, args), "02:00:00:00:00:02");
  conf["args"]["cni"]["mac"] = "02:00:00:00:00:03";
  EXPECT_EQ(mac_of(conf, args), "02:00:00:00:00:03");
  conf["runtimeConfig"]["mac"] = "02:00:00:00:00:04";
  EXPECT_EQ(mac_of(conf, args), "02:00:00:00:00:04");
}

TEST_F(Macvlan, AMacThatASiblingHasIsAnErrorToTryAgainLater) {
  const Json conf = conf_with({{"mac", "02:00:00:00:00:01"}});
  static_cast<void>(add(conf, "c2"));
  const std::string before = everything();
  EXPECT_THAT(refusal(conf, 11), HasSubstr("has the Ethernet address 02:00:00:00:00:01"));
  EXPECT_EQ(everything(), before);
}

TEST_F(Macvlan, APassthruHasTheMastersMacOrGivesItItsOwnUntilDel) {
  const Json conf = conf_with({{"mode", "passthru"}});
  const std::string own = uplink_mac();
  const Json plain = add(conf);
  EXPECT_EQ(mac_in("c1"), own);
  EXPECT_EQ(plain["interfaces"][0]["mac"], own);
  del(conf);
  const Json changed = with(conf, {{"mac", "02:00:00:00:00:07"}});
  const Json result = add(changed);
  EXPECT_EQ(mac_in("c1"), "02:00:00:00:00:07");
  EXPECT_EQ(result["interfaces"][0]["mac"], "02:00:00:00:00:07");
  EXPECT_EQ(uplink_mac(), "02:00:00:00:00:07");
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
  EXPECT_EQ(check_message(changed, result), "");
  del(changed);
  EXPECT_EQ(uplink_mac(), own);
}

TEST_F(Macvlan, APassthruIsTheOnlyOneOfItsMaster) {
  static_cast<void>(add(conf_with(Json::object()), "c2"));
  const std::string before = everything();
  EXPECT_THAT(refusal(conf_with({{"mode", "passthru"}}), 7),
              HasSubstr("a master has either one macvlan of mode \"passthru\""));
  EXPECT_EQ(everything(), before);
}

TEST_F(Macvlan, ModeSourceHearsOnlyTheListedSenders) {
  const std::string gateway = ip("outside", {"link", "show", "out0"})[0]["address"];
  const Json conf = conf_with({{"mode", "source"}, {"sourceMacs", {gateway}}});
  const Json result = add(conf);
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["linkinfo"]["info_data"]["mode"], "source");
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  EXPECT_EQ(check_message(conf, result), "");
  del(conf, "c1", result);
  static_cast<void>(add(with(conf, {{"sourceMacs", {"02:00:00:00:00:09"}}})));
  EXPECT_FALSE(ping("c1", "10.22.0.1"));
}

// Linux before 5.11 has one length for all and takes no notice of the key.
TEST_F(Macvlan, SetsTheLengthOfTheBroadcastQueueOrSaysThatTheKernelCannot) {
  must_run({"ip", "link", "add", "link", "up0", "name", "mid0", "type", "macvlan", "bcqueuelen",
            "4321"});
  const bool supported =
      ip("", {"link", "show", "mid0"})[0]["linkinfo"]["info_data"].contains("bcqueuelen");
  must_run({"ip", "link", "delete", "mid0"});
  const Json conf = conf_with({{"bcqueuelen", 4321}});
  const std::string before = everything();
  const ProgramOutput status = call({.verb = "STATUS", .conf = conf});
  EXPECT_EQ(everything(), before);
  if (supported) {
    EXPECT_EQ(status.exit_code, 0) << status.standard_output;
    const Json result = add(conf);
    EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["linkinfo"]["info_data"]["bcqueuelen"], 4321);
    EXPECT_EQ(check_message(conf, result), "");
  } else {
    EXPECT_EQ(status.json()["code"], 50);
    EXPECT_THAT(status.json()["msg"].get<std::string>(), HasSubstr("\"bcqueuelen\": this kernel"));
    EXPECT_THAT(refusal(conf, 7), HasSubstr("\"bcqueuelen\": this kernel"));
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(call({.verb = "STATUS", .conf = conf_with(Json::object())}).exit_code, 0);
  }
}

TEST_F(Macvlan, AMasterThatIsAPortOfABridgeIsAnErrorWithTheWayOut) {
  must_run({"ip", "link", "add", "br0", "type", "bridge"});
  must_run({"ip", "link", "set", "up0", "master", "br0"});
  const std::string before = everything();
  EXPECT_THAT(refusal(conf_with(Json::object()), 7),
              HasSubstr("carries interfaces of another kind already"));
  EXPECT_EQ(everything(), before);
}

TEST_F(Macvlan, AMacvlanServesAsAMaster) {
  must_run(
      {"ip", "link", "add", "link", "up0", "name", "mid0", "type", "macvlan", "mode", "bridge"});
  const Json conf = conf_with({{"master", "mid0"}});
  const Json result = add(conf);
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
  EXPECT_EQ(check_message(conf, result), "");
}

TEST_F(Macvlan, SpeaksEveryVersion) {
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    Json conf = conf_with({{"cniVersion", version}});
    const Json result = add(conf);
    EXPECT_EQ(result["cniVersion"], version);
    EXPECT_TRUE(ping("c1", "198.51.100.1"));
    del(conf);
  }
}

TEST_F(Macvlan, WarnsOfAMisspeltKeyAndKnowsItsOwn) {
  const ProgramOutput output = call(
      {.verb = "ADD", .conf = conf_with({{"hostAcess", true}, {"enabledad", false}, {"mtu", 0}})});
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.standard_error, HasSubstr("did you mean \"hostAccess\"?"));
  EXPECT_THAT(output.standard_error, testing::Not(HasSubstr("enabledad")));
}

TEST_F(Macvlan, TheReferencesInterfaceIsCheckedAndRemoved) {
  if (reference_folder().empty()) {
    GTEST_SKIP() << "needs the reference plugins (package containernetworking-plugins)";
  }
  expect_takes_over_from_reference(conf_with({{"cniVersion", "1.0.0"}}), everything);
}

}  // namespace
}  // namespace linnet::test
