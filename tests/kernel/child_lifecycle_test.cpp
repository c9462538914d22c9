// DEL, CHECK, GC and STATUS of macvlan and ipvlan, and what failures leave behind: nothing.
#include "tests/kernel/child_world.h"
#include "tests/support/plugin_folder.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

TEST_P(ChildMode, DelLeavesTheWorldAsItWas) {
  Json layer2 = conf();
  layer2.erase("ipam");
  std::vector<Json> configurations = {conf(), layer2, conf_with({{"mtu", 1400}})};
  if (child().host_access) {
    configurations.push_back(accessible());
  }
  for (const Json& one : configurations) {
    SCOPED_TRACE(one.dump());
    const std::string before = everything();
    const Json result = add(one);
    EXPECT_NE(everything(), before);
    del(one, "c1", result);
    EXPECT_EQ(everything(), before);
    del(one, "c1", result);
    EXPECT_EQ(everything(), before);
  }
}

TEST_P(ChildTest, DelNeedsNeitherMasterNorDefaultRouteNorPrevResultNorValidKeys) {
  const Json added = child().host_access ? accessible() : conf();
  const std::string before = everything();
  static_cast<void>(add(added));
  must_run({"ip", "route", "delete", "default"});
  must_run({"ip", "-6", "route", "delete", "default"});
  Json broken = with(added, {{"mtu", "large"},
                             {"mode", 7},
                             {"hostAccess", "perhaps"},
                             {"linkInContainer", 3},
                             {"prevResult", {{"ips", 7}}}});
  broken.erase("master");
  EXPECT_EQ(call({.verb = "DEL", .conf = broken}).exit_code, 0);
  must_run({"ip", "route", "add", "default", "via", "10.22.0.1"});
  must_run({"ip", "route", "add", "default", "via", "fd22::1"});
  EXPECT_EQ(everything(), before);

  // A master that goes takes its children along; the lease stays for DEL.
  static_cast<void>(add(added));
  must_run({"ip", "link", "delete", "up0"});
  del(added);
  EXPECT_THAT(everything(), Not(HasSubstr("file ")));
  EXPECT_THAT(everything(), Not(HasSubstr("c1 has eth0")));
}

TEST_P(ChildTest, DelWorksWithTheNamespaceGone) {
  const Json added = child().host_access ? accessible() : conf();
  const std::string before = world();
  static_cast<void>(add(added));
  remove_container("c1");
  del(added);
  EXPECT_EQ(world(), before);
  del(added);
  const Call without_path = {.verb = "DEL", .conf = added, .environment = {{"CNI_NETNS", ""}}};
  EXPECT_EQ(call(without_path).exit_code, 0);
  EXPECT_EQ(world(), before);
}

TEST_P(ChildTest, DelLeavesTheInterfaceOfAnotherNetwork) {
  static_cast<void>(add(conf()));
  const std::string before = everything();
  const Json other = conf_with({{"name", "net2"}});
  EXPECT_EQ(call({.verb = "ADD", .conf = other}).exit_code, 1);
  del(other);
  EXPECT_EQ(everything(), before);
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
}

TEST_P(ChildTest, DelTakesAnInterfaceThatTheReferenceMade) {
  std::vector<std::string> command = {"ip",   "link", "add",   "link", "up0",
                                      "name", "x0",   "netns", "c1",   "type"};
  command.push_back(child().keys["type"]);
  command.insert(command.end(), {"mode", child().keys["mode"]});
  const std::string before = everything();
  must_run(command);
  must_run({"ip", "-n", "c1", "link", "set", "x0", "name", "eth0"});
  del(conf());
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildTest, CheckPassesAfterAddAndNamesWhatIsMissing) {
  const Json checked = conf_with({{"mtu", 1400}});
  const Json result = add(checked);
  EXPECT_EQ(check_message(checked, result), "");
  Json unnamed = checked;
  unnamed.erase("master");
  EXPECT_EQ(check_message(unnamed, result), "");

  const auto inside = [](std::vector<std::string> command) {
    command.insert(command.begin(), {"ip", "-n", "c1"});
    must_run(command);
  };
  EXPECT_THAT(check_message(conf_with({{"mtu", 1300}}), result), HasSubstr("has MTU 1400"));
  const std::string mode = child().keys["mode"];
  const std::vector<std::string> modes = child().keys["type"] == "macvlan"
                                             ? std::vector<std::string>{"vepa", "bridge"}
                                             : std::vector<std::string>{"l3", "l2"};
  const std::string& other = mode == modes[0] ? modes[1] : modes[0];
  EXPECT_THAT(check_message(conf_with({{"mode", other}}), result),
              HasSubstr("eth0 is in mode " + mode + ", not " + other));
  must_run({"ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1"});
  EXPECT_THAT(check_message(conf_with({{"master", "other0"}}), result),
              HasSubstr("is not on master other0"));
  inside({"route", "delete", "default"});
  EXPECT_THAT(check_message(checked, result), HasSubstr("lacks the route to 0.0.0.0/0"));
  inside({"addr", "delete", address4(10) + "/24", "dev", "eth0"});
  EXPECT_THAT(check_message(checked, result), HasSubstr("lacks address " + address4(10)));
  inside({"link", "set", "eth0", "down"});
  EXPECT_THAT(check_message(checked, result), HasSubstr("eth0 is down"));
  inside({"link", "delete", "eth0"});
  EXPECT_THAT(check_message(checked, result), HasSubstr("eth0 is not in the container"));
  inside({"link", "add", "eth0", "type", "veth", "peer", "name", "other"});
  EXPECT_THAT(check_message(checked, result), HasSubstr("eth0 is no"));
  del(checked, "c1", result);
  EXPECT_NE(check_message(checked, result), "");
}

TEST_P(ChildTest, GcReleasesLeasesAndHostAccessOfWhatIsNotValid) {
  const Json collected = child().host_access ? accessible() : conf();
  static_cast<void>(add(collected, "c1"));
  const std::string with_one = world();
  if (child().shares) {
    static_cast<void>(add(collected, "c2"));
    remove_container("c2");
  }
  Json gc = collected;
  gc["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(world(), with_one);
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
  if (child().host_access && child().siblings_talk) {
    EXPECT_TRUE(ping("", address4(10)));
  }
  gc["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_THAT(world(), Not(HasSubstr("file ")));
  EXPECT_THAT(world(), Not(HasSubstr("host access")));
  EXPECT_TRUE(ip("c1", {"link", "show", "dev", "eth0"}).empty()) << "its address is free";
}

TEST_P(ChildTest, StatusTellsWhenAnAddWouldFail) {
  const std::string before = everything();
  const auto status = [&](const Json& changes) {
    const ProgramOutput output = call({.verb = "STATUS", .conf = conf_with(changes)});
    return output.exit_code == 0
               ? ""
               : output.json()["code"].dump() + " " + output.json()["msg"].get<std::string>();
  };
  EXPECT_EQ(status(Json::object()), "");
  EXPECT_EQ(status({{"master", ""}}), "");
  EXPECT_THAT(status({{"master", "eth7"}}), HasSubstr("50 \"master\": there is no interface"));
  EXPECT_THAT(status({{"mtu", 9000}}), HasSubstr("50 \"mtu\": invalid MTU 9000"));
  EXPECT_EQ(status({{"master", "eth7"}, {"linkInContainer", true}}), "");
  Json tiny = conf()["ipam"];
  tiny["ranges"][0][0]["rangeEnd"] = tiny["ranges"][0][0]["rangeStart"];
  EXPECT_EQ(status({{"ipam", tiny}}), "");
  EXPECT_EQ(everything(), before);
  static_cast<void>(add(conf_with({{"ipam", tiny}})));
  EXPECT_THAT(status({{"ipam", tiny}}), HasSubstr("50 "));
}

TEST_P(ChildTest, AFailingIpamPluginLeavesNothingBehindAndGetsDel) {
  const PluginFolder folder;
  const std::vector<Json> answers = {
      {{"ADD", {{"exit", 1}, {"stdout", {{"code", 11}, {"msg", "later"}}}}}},
      {{"ADD", {{"exit", 0}, {"stdout", "no json"}}}},
      {{"ADD", {{"stdout", {{"cniVersion", "1.1.0"}}}}}},
      {{"ADD", {{"signal", 9}}}}};
  const std::string before = everything();
  plugin_path_ = plugin_path_ + ":" + folder.path();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string type = "ipam" + std::to_string(i);
    folder.add(type, answers[i]);
    Json failing = conf();
    failing["ipam"]["type"] = type;
    EXPECT_EQ(call({.verb = "ADD", .conf = failing}).exit_code, 1) << type;
    EXPECT_EQ(everything(), before) << type;
    EXPECT_EQ(folder.call_names().back(), type + " DEL");
  }
}

TEST_P(ChildTest, SysctlsAreSetCheckedAndTakenBackByAFailedAdd) {
  const auto timeout = [] {
    return must_run({"ip", "netns", "exec", "c1", "cat", "/proc/sys/net/ipv4/tcp_fin_timeout"});
  };
  const Json set = conf_with({{"sysctl", {{"net.ipv4.tcp_fin_timeout", "17"}}}});
  const Json result = add(set);
  EXPECT_EQ(timeout(), "17\n");
  EXPECT_EQ(check_message(set, result), "");
  must_run(
      {"ip", "netns", "exec", "c1", "sh", "-c", "echo 18 > /proc/sys/net/ipv4/tcp_fin_timeout"});
  EXPECT_THAT(check_message(set, result),
              HasSubstr("sysctl net.ipv4.tcp_fin_timeout is \"18\", not \"17\""));
  del(set, "c1", result);
  Json failing = set;
  // The kernel refuses the second one, when everything else is done.
  failing["ipam"]["routes"].push_back({{"dst", "192.0.2.0/24"}});
  failing["ipam"]["routes"].push_back({{"dst", "192.0.2.0/24"}});
  EXPECT_EQ(call({.verb = "ADD", .conf = failing}).exit_code, 1);
  EXPECT_EQ(timeout(), "18\n");
}

TEST_P(ChildFailures, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  // The longest way: the name clashes on kernels where it can.
  must_run({"ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"});
  fail_each_step_of_add(accessible(), everything);
}

}  // namespace
}  // namespace linnet::test
