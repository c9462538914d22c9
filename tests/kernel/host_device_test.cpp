// host-device: a device goes to a container and comes back, whatever happens in between.
#include <gmock/gmock.h>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"
#include "tests/support/plugin_folder.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Json device_conf() {
  return Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net1", "type": "host-device", "device": "dev0",
    "ipam": {"type": "host-local",
             "ranges": [[{"subnet": "10.28.0.0/24", "rangeStart": "10.28.0.10", "gateway": "10.28.0.1"}],
                        [{"subnet": "fd28::/64", "rangeStart": "fd28::10", "gateway": "fd28::1"}]],
             "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}})");
}

// An IPv6 address is usable when the kernel has noticed the carrier of a device that has moved, up to a second
// later.
Json quick_conf(const Json& changes = Json::object()) {
  Json conf = with(device_conf(), changes);
  conf["ipam"]["ranges"].erase(1);
  conf["ipam"]["routes"].erase(1);
  return conf;
}

class HostDevice : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    make_container("c2");
    make_container("outside");
    must_run({"ip", "link", "add", "dev0", "mtu", "1400", "type", "veth", "peer", "name", "out0",
              "netns", "outside"});
    must_run({"ip", "link", "set", "dev0", "alias", "uplink, of rack 7"});
    must_run({"ip", "link", "set", "dev0", "up"});
    must_run({"ip", "-n", "outside", "link", "set", "out0", "up"});
    must_run({"ip", "-n", "outside", "addr", "add", "10.28.0.1/24", "dev", "out0"});
    must_run({"ip", "-n", "outside", "addr", "add", "fd28::1/64", "dev", "out0", "nodad"});
    mac_ = ip("", {"link", "show", "dev0"})[0]["address"];
  }

  [[nodiscard]] static std::string host_alone() {
    std::string text = world();
    // The kernel takes a moment to notice a carrier, and adds this one then.
    const std::string late = "route -6 \"ff00::/8\" via  dev \"dev0\" table \"local\"\n";
    if (const std::size_t at = text.find(late); at != std::string::npos) {
      text.erase(at, late.size());
    }
    return text;
  }
  // With what the containers have.
  [[nodiscard]] static std::string everything() {
    std::string text = host_alone();
    for (const char* name : {"c1", "c2"}) {
      for (const Json& link : ip(name, {"link", "show"})) {
        text += std::string(name) + " has " + link["ifname"].get<std::string>() + "\n";
      }
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
  // What the kernel does with hardware when its namespace ends.
  void return_device_by_itself() const {
    must_run({"ip", "netns", "attach", "host", std::to_string(::getpid())});
    must_run({"ip", "-n", "c1", "link", "set", "eth0", "netns", "host"});
    must_run({"ip", "netns", "delete", "host"});
    remove_container("c1");
    EXPECT_THAT(world(), HasSubstr("link \"eth0\""));
  }

  std::string mac_;
};

TEST_F(HostDevice, AddMovesTheDeviceAndItsFirstPacketsArrive) {
  const Json result = add(device_conf());
  EXPECT_THAT(everything(), Not(HasSubstr("link \"dev0\"")));
  const Json link = ip("c1", {"link", "show", "eth0"})[0];
  EXPECT_EQ(link["address"], mac_);
  EXPECT_EQ(result["interfaces"],
            Json::array(
                {{{"name", "eth0"}, {"mac", mac_}, {"mtu", 1400}, {"sandbox", "/run/netns/c1"}}}));
  EXPECT_EQ(result["ips"][0]["interface"], 0);
  EXPECT_TRUE(ping("c1", "10.28.0.1"));
  EXPECT_TRUE(ping("c1", "fd28::1"));
  EXPECT_EQ(check_message(device_conf(), result), "");
}

TEST_F(HostDevice, DelGivesItBackWithNameAliasAndState) {
  Json layer2 = device_conf();
  layer2.erase("ipam");
  const Json by_mac = quick_conf({{"device", ""}, {"hwaddr", mac_}});
  // The first of the links that hang on nothing.
  const Json by_path = quick_conf({{"device", ""}, {"kernelpath", "/sys/devices/virtual"}});
  const char* state = "up";
  for (const Json& conf : {device_conf(), layer2, by_mac, by_path}) {
    SCOPED_TRACE(conf.dump() + state);
    must_run({"ip", "link", "set", "dev0", state});
    const std::string before = everything();
    const Json result = add(conf);
    EXPECT_EQ(check_message(conf, result), "");
    EXPECT_NE(everything(), before);
    del(conf, "c1", result);
    EXPECT_EQ(everything(), before);
    del(conf, "c1", result);
    EXPECT_EQ(everything(), before);
    state = std::string_view(state) == "up" ? "down" : "up";
  }
}

TEST_F(HostDevice, DelWithoutNamespaceReleasesTheLease) {
  static_cast<void>(add(device_conf()));
  remove_container("c1");
  del(device_conf());
  EXPECT_THAT(world(), Not(HasSubstr("file ")));
  const Call without_path = {
      .verb = "DEL", .conf = device_conf(), .environment = {{"CNI_NETNS", ""}}};
  EXPECT_EQ(call(without_path).exit_code, 0);
}

TEST_F(HostDevice, ADeviceThatCameBackByItselfIsRestoredByDel) {
  const std::string before = host_alone();
  static_cast<void>(add(device_conf()));
  return_device_by_itself();
  Json broken = with(device_conf(), {{"device", 7}, {"hwaddr", "x"}});
  EXPECT_EQ(call({.verb = "DEL", .conf = broken}).exit_code, 0);
  EXPECT_EQ(host_alone(), before);
}

TEST_F(HostDevice, ADeviceThatCameBackByItselfIsRestoredByGc) {
  const std::string before = host_alone();
  static_cast<void>(add(device_conf()));
  return_device_by_itself();
  const std::string returned = host_alone();
  Json gc = device_conf();
  gc["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(host_alone(), returned);
  gc["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(host_alone(), before);
}

TEST_F(HostDevice, GcGivesBackTheDeviceOfAContainerThatIsAliveBeforeItFreesTheLease) {
  const std::string before = everything();
  static_cast<void>(add(device_conf()));
  const std::string attached = everything();
  Json gc = device_conf();
  gc["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(everything(), attached);
  gc["cni.dev/valid-attachments"] = Json::array();
  must_run({"ip", "link", "add", "dev0", "type", "veth", "peer", "name", "other0"});
  const ProgramOutput output = call({.verb = "GC", .conf = gc});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_output, HasSubstr("the host has another link named dev0"));
  EXPECT_THAT(everything(), AllOf(HasSubstr("c1 has eth0"), HasSubstr("file ")));
  must_run({"ip", "link", "delete", "dev0"});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(everything(), before);
}

TEST_F(HostDevice, ADeviceThatCameBackByItselfIsFoundByTheNextAdd) {
  static_cast<void>(add(device_conf()));
  return_device_by_itself();
  static_cast<void>(add(device_conf(), "c2"));
  EXPECT_TRUE(ping("c2", "10.28.0.1"));
  del(device_conf(), "c2");
  EXPECT_EQ(ip("", {"link", "show", "dev0"})[0]["ifalias"], "uplink, of rack 7");
}

TEST_F(HostDevice, ATakenNameOnTheHostIsAnErrorUntilItIsFree) {
  const std::string before = everything();
  static_cast<void>(add(device_conf()));
  must_run({"ip", "link", "add", "dev0", "type", "veth", "peer", "name", "other0"});
  const ProgramOutput output = call({.verb = "DEL", .conf = device_conf()});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_output, HasSubstr("the host has another link named dev0"));
  EXPECT_THAT(everything(), HasSubstr("c1 has eth0"));
  EXPECT_THAT(everything(), Not(HasSubstr("file ")));
  must_run({"ip", "link", "delete", "dev0"});
  del(device_conf());
  EXPECT_EQ(everything(), before);
}

TEST_F(HostDevice, WhatCannotBeMovedIsAnErrorAndStays) {
  expect_refused(with(device_conf(), {{"device", "dev7"}}), 7,
                 "device \"dev7\": the host has no such device");
  expect_refused(with(device_conf(), {{"device", "lo"}}), 7, "keeps links such as bridges and lo");
  expect_refused(with(device_conf(), {{"device", ""}, {"pciBusID", "0000:ff:1f.7"}}), 7,
                 "pciBusID 0000:ff:1f.7: the host has no such device");
  must_run({"ip", "-n", "c1", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9"});
  expect_refused(device_conf(), 4, "\"eth0\" already exists in the container");
  const std::string before = everything();
  del(device_conf());
  EXPECT_EQ(everything(), before);
}

TEST_F(HostDevice, DelLeavesTheDeviceOfAnotherAttachment) {
  static_cast<void>(add(device_conf()));
  const std::string before = everything();
  del(with(device_conf(), {{"name", "net2"}}));
  EXPECT_EQ(everything(), before);
}

TEST_F(HostDevice, WarnsOfAddressesThatTheHostLoses) {
  must_run({"ip", "addr", "add", "10.28.0.7/24", "dev", "dev0"});
  const ProgramOutput output = call({.verb = "ADD", .conf = device_conf()});
  EXPECT_THAT(output.standard_error,
              HasSubstr("the host loses the addresses of dev0: 10.28.0.7/24"));
}

TEST_F(HostDevice, AFailingIpamPluginGetsDelAndTheDeviceComesBack) {
  const PluginFolder folder;
  folder.add("broken", {{"ADD", {{"exit", 1}, {"stdout", {{"code", 11}, {"msg", "later"}}}}}});
  plugin_path_ += ":" + folder.path();
  Json conf = device_conf();
  conf["ipam"]["type"] = "broken";
  expect_refused(conf, 11, "later");
  EXPECT_EQ(folder.call_names().back(), "broken DEL");
}

TEST_F(HostDevice, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  // Moving a device takes the kernel longest: without the calls whose failure is tried elsewhere.
  fail_each_step_of_add(quick_conf(), everything, 8, {"sendto", "recvmmsg", "setns"});
}

TEST_F(HostDevice, CheckNamesEachDrift) {
  const Json result = add(device_conf());
  const auto inside = [](std::vector<std::string> command) {
    command.insert(command.begin(), {"ip", "-n", "c1"});
    must_run(command);
  };
  inside({"addr", "delete", "10.28.0.10/24", "dev", "eth0"});
  EXPECT_THAT(check_message(device_conf(), result), HasSubstr("lacks address 10.28.0.10/24"));
  inside({"link", "set", "eth0", "down"});
  EXPECT_THAT(check_message(device_conf(), result), HasSubstr("eth0 is down"));
  inside({"link", "set", "eth0", "alias", "nothing, really"});
  EXPECT_THAT(check_message(device_conf(), result), HasSubstr("has lost its mark"));
  inside({"link", "set", "eth0", "address", "02:00:00:00:00:07"});
  EXPECT_THAT(check_message(device_conf(), result), HasSubstr("has MAC address 02:00:00:00:00:07"));
  inside({"link", "delete", "eth0"});
  EXPECT_THAT(check_message(device_conf(), result), HasSubstr("eth0 is not in the container"));
}

TEST_F(HostDevice, StatusSaysWhetherTheDeviceIsThere) {
  const auto status = [&](const Json& conf) { return call({.verb = "STATUS", .conf = conf}); };
  EXPECT_EQ(status(device_conf()).exit_code, 0);
  Json chosen_later = device_conf();
  chosen_later.erase("device");
  EXPECT_EQ(status(chosen_later).exit_code, 0);
  static_cast<void>(add(device_conf()));
  EXPECT_EQ(status(device_conf()).json()["code"], 50);
}

TEST_F(HostDevice, StatusOfADeviceThatCameBackByItselfIsWhatTheNextAddFinds) {
  static_cast<void>(add(device_conf()));
  return_device_by_itself();
  const Call status = {.verb = "STATUS", .conf = device_conf()};
  EXPECT_EQ(call(status).exit_code, 0) << call(status).standard_output;
  static_cast<void>(add(device_conf(), "c2"));
  EXPECT_EQ(call(status).json()["code"], 50);
}

TEST_F(HostDevice, DelGoesByTheMarkWhereTheKeysAreWrong) {
  const std::string before = everything();
  static_cast<void>(add(device_conf()));
  const ProgramOutput output =
      call({.verb = "DEL", .conf = with(device_conf(), {{"hwaddr", "02:nonsense"}})});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error, HasSubstr("\"hwaddr\": \"02:nonsense\" is no unicast"));
  EXPECT_THAT(output.standard_error, HasSubstr("going by what is marked"));
  EXPECT_EQ(everything(), before);
}

TEST_F(HostDevice, EachWayToNameADeviceIsInTheMessageThatItIsNotThere) {
  const auto named = [](const Json& keys) {
    return with(with(device_conf(), {{"device", ""}}), keys);
  };
  const std::string words = ": the host has no such device";
  expect_refused(named({{"hwaddr", "02:00:00:00:00:77"}}), 7, "hwaddr 02:00:00:00:00:77" + words);
  expect_refused(named({{"kernelpath", "/sys/devices/none"}}), 7,
                 "kernelpath /sys/devices/none" + words);
  expect_refused(named({{"runtimeConfig", {{"deviceID", "none.sf.7"}}}}), 7,
                 "auxiliary device none.sf.7" + words);
  expect_refused(named(Json::object()), 7, "no device: specify either \"device\"");
}

TEST_F(HostDevice, GcTellsOfADeviceWhoseNameIsTakenAndGivesItBackWhenItIsFree) {
  const std::string before = host_alone();
  static_cast<void>(add(device_conf()));
  return_device_by_itself();
  must_run({"ip", "link", "add", "dev0", "type", "veth", "peer", "name", "other0"});
  Json gc = device_conf();
  gc["cni.dev/valid-attachments"] = Json::array();
  const ProgramOutput output = call({.verb = "GC", .conf = gc});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_output, HasSubstr("the host has another link named dev0"));
  EXPECT_THAT(output.standard_output, HasSubstr("rename or remove that"));
  // What does not hang on the device is collected all the same.
  EXPECT_THAT(host_alone(), Not(HasSubstr("file ")));
  must_run({"ip", "link", "delete", "dev0"});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(host_alone(), before);
}

TEST_F(HostDevice, GivesBackWhatTheReferenceTook) {
  if (reference_folder().empty()) {
    GTEST_SKIP() << "needs the reference plugins (package containernetworking-plugins)";
  }
  // It keeps neither alias nor state.
  must_run({"ip", "link", "set", "dev0", "alias", ""});
  must_run({"ip", "link", "set", "dev0", "down"});
  expect_takes_over_from_reference(with(device_conf(), {{"cniVersion", "1.0.0"}}), everything);
}

}  // namespace
}  // namespace linnet::test
