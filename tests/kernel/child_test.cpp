// What every mode of macvlan and ipvlan has to show, read back by iproute2 and ping.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "tests/kernel/child_world.h"
#include "tests/support/plugin_folder.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

// In every mode.
class ChildMode : public ChildTest {};
// In the modes that allow hostAccess.
class ChildHostAccess : public ChildTest {};
// In every mode that allows hostAccess and in which the interfaces of one master talk.
class ChildHostTraffic : public ChildTest {};
// In one mode: the steps are the same in all.
class ChildFailures : public ChildTest {};
class ChildExample : public ChildTest {};

std::vector<ChildCase> cases_with(bool (*wanted)(const ChildCase&)) {
  std::vector<ChildCase> cases;
  std::ranges::copy_if(child_cases(), std::back_inserter(cases), wanted);
  return cases;
}

std::string name_of(const testing::TestParamInfo<ChildCase>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Mode, ChildMode, testing::ValuesIn(child_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildTest, testing::ValuesIn(cases_with([](const ChildCase& one) {
                           return one.thorough;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildHostAccess,
                         testing::ValuesIn(cases_with([](const ChildCase& one) {
                           return one.host_access && one.thorough;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildHostTraffic,
                         testing::ValuesIn(cases_with([](const ChildCase& one) {
                           return one.host_access && one.siblings_talk;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildFailures, testing::Values(child_cases().front()), name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildExample, testing::Values(child_cases().front()), name_of);

std::set<std::string> global_addresses(const Json& link) {
  std::set<std::string> found;
  for (const Json& address : link["addr_info"]) {
    if (address["scope"] == "global") {
      found.insert(address["local"].get<std::string>());
    }
  }
  return found;
}

TEST_P(ChildMode, AddMakesTheInterfaceAndSaysWhatItMade) {
  const Json result = add(conf());
  const Json link = ip("c1", {"addr", "show", "eth0"})[0];
  EXPECT_EQ(link["linkinfo"]["info_kind"], child().keys["type"]);
  EXPECT_EQ(link["linkinfo"]["info_data"]["mode"], child().keys["mode"]);
  EXPECT_THAT(link["flags"].dump(), HasSubstr("\"LOWER_UP\""));
  EXPECT_EQ(global_addresses(link), (std::set<std::string>{address4(10), address6(10)}));
  EXPECT_EQ(result["interfaces"].size(), 1U);
  EXPECT_EQ(result["interfaces"][0]["name"], "eth0");
  EXPECT_EQ(result["interfaces"][0]["mac"], link["address"]);
  EXPECT_EQ(result["interfaces"][0]["mtu"], 1500);
  EXPECT_EQ(result["interfaces"][0]["sandbox"], "/run/netns/c1");
  EXPECT_EQ(result["ips"][0]["interface"], 0);
  EXPECT_EQ(result["ips"].size(), 2U);
  const Json route = ip("c1", {"route", "show", "default"})[0];
  EXPECT_EQ(route["dev"], "eth0");
  EXPECT_EQ(route.contains("gateway"), !child().layer3);
}

TEST_P(ChildMode, TheFirstPacketFlowsOverBothFamilies) {
  static_cast<void>(add(conf()));
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
  EXPECT_TRUE(ping("c1", "2001:db8::1"));
  EXPECT_TRUE(ping("outside", address4(10)));
  EXPECT_TRUE(ping("outside", address6(10)));
  if (!child().shares) {
    return;
  }
  static_cast<void>(add(conf(), "c2"));
  EXPECT_TRUE(ping("outside", address4(11)));
  EXPECT_TRUE(ping("c2", "2001:db8::1"));
  EXPECT_EQ(ping("c1", address4(11)), child().siblings_talk);
  EXPECT_EQ(ping("c2", address6(10)), child().siblings_talk);
}

TEST_P(ChildTest, AnAddressThatMovesToAnotherContainerIsReachedAtOnce) {
  static_cast<void>(add(fixed(conf(), 50), "c1"));
  EXPECT_TRUE(ping("outside", address4(50)));
  EXPECT_TRUE(ping("outside", address6(50)));
  del(fixed(conf(), 50), "c1");
  static_cast<void>(add(fixed(conf(), 50), "c2"));
  EXPECT_TRUE(ping("outside", address4(50)));
  EXPECT_TRUE(ping("outside", address6(50)));
}

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

TEST_P(ChildTest, AHostWithAnInterfaceOfThatNameIsNoObstacle) {
  must_run({"ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"});
  const std::string before = everything();
  const Json result = add(conf());
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["linkinfo"]["info_kind"], child().keys["type"]);
  EXPECT_EQ(ip("c1", {"link", "show"}).size(), 2U);
  EXPECT_TRUE(ping("c1", "198.51.100.1"));
  EXPECT_EQ(check_message(conf(), result), "");
  del(conf(), "c1", result);
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildTest, ATakenNameInTheContainerIsAnErrorAndStays) {
  for (const bool host_has_it_too : {false, true}) {
    must_run({"ip", "-n", "c1", "link", "add", "eth0", "type", "veth", "peer", "name", "other"});
    if (host_has_it_too) {
      must_run({"ip", "link", "add", "eth0", "type", "veth", "peer", "name", "another"});
    }
    const std::string before = everything();
    EXPECT_THAT(refusal(conf(), 4), HasSubstr("\"eth0\" already exists in the container"));
    EXPECT_EQ(everything(), before);
    del(conf());
    EXPECT_EQ(everything(), before);
    must_run({"ip", "-n", "c1", "link", "delete", "eth0"});
  }
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

TEST_P(ChildTest, TheMtuIsTheMastersOrLowerNeverHigher) {
  must_run({"ip", "link", "set", "up0", "mtu", "1450"});
  const Json result = add(conf());
  EXPECT_EQ(result["interfaces"][0]["mtu"], 1450);
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["mtu"], 1450);
  del(conf());
  static_cast<void>(add(conf_with({{"mtu", 1400}})));
  EXPECT_EQ(ip("c1", {"link", "show", "eth0"})[0]["mtu"], 1400);
  del(conf());
  const std::string before = everything();
  EXPECT_THAT(refusal(conf_with({{"mtu", 1451}}), 7),
              HasSubstr("\"mtu\": invalid MTU 1451, must be [0, master MTU(1450)]"));
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildTest, TheMasterIsThatOfTheDefaultRouteWhenNoneIsNamed) {
  Json unnamed = conf();
  unnamed.erase("master");
  const auto parent = [&] {
    static_cast<void>(add(unnamed));
    const int index = ip("c1", {"link", "show", "eth0"})[0]["link_index"];
    del(unnamed);
    return index;
  };
  const auto index_of = [](const std::string& name) {
    return ip("", {"link", "show", name})[0]["ifindex"].get<int>();
  };
  must_run({"ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1"});
  must_run({"ip", "link", "set", "other0", "up"});
  must_run({"ip", "route", "add", "default", "dev", "other0", "metric", "900"});
  must_run({"ip", "-6", "route", "add", "default", "dev", "other0", "metric", "1"});
  EXPECT_EQ(parent(), index_of("up0"));
  must_run({"ip", "route", "delete", "default", "via", "10.22.0.1"});
  EXPECT_EQ(parent(), index_of("other0"));
  must_run({"ip", "route", "delete", "default"});
  EXPECT_EQ(parent(), index_of("other0"));
  must_run({"ip", "-6", "route", "delete", "default", "dev", "other0"});
  EXPECT_EQ(parent(), index_of("up0"));
  must_run({"ip", "-6", "route", "delete", "default"});
  const std::string before = everything();
  EXPECT_THAT(refusal(unnamed, 7), HasSubstr("\"master\": missing, and the host has no default"));
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildTest, AMasterThatIsNotThereIsAnErrorThatNamesIt) {
  const std::string before = everything();
  EXPECT_THAT(refusal(conf_with({{"master", "eth7"}}), 7),
              HasSubstr("\"master\": there is no interface \"eth7\" in the host"));
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildTest, AMasterInTheContainerServesAsWell) {
  Json inside = conf_with({{"linkInContainer", true}, {"master", "up1"}});
  EXPECT_THAT(refusal(inside, 7), HasSubstr("\"up1\" in the container"));
  must_run({"ip", "link", "add", "up1", "netns", "c1", "type", "veth", "peer", "name", "out1",
            "netns", "outside"});
  must_run({"ip", "-n", "c1", "link", "set", "up1", "up"});
  must_run({"ip", "-n", "outside", "link", "set", "out1", "up"});
  const std::string before = everything();
  const Json result = add(inside);
  const Json link = ip("c1", {"link", "show", "eth0"})[0];
  EXPECT_EQ(link["link"], "up1");
  EXPECT_EQ(link["linkinfo"]["info_data"]["mode"], child().keys["mode"]);
  EXPECT_EQ(check_message(inside, result), "");
  del(inside, "c1", result);
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildTest, WithoutIpamItIsPlainLayer2) {
  Json layer2 = conf();
  layer2.erase("ipam");
  const Json result = add(layer2);
  EXPECT_FALSE(result.contains("ips"));
  EXPECT_EQ(result["interfaces"].size(), 1U);
  EXPECT_THAT(ip("c1", {"link", "show", "eth0"})[0]["flags"].dump(), HasSubstr("\"UP\""));
  EXPECT_EQ(check_message(layer2, result), "");
}

TEST_P(ChildTest, DuplicateDetectionIsOffUnlessAskedFor) {
  must_run({"ip", "-n", "outside", "addr", "add", address6(50) + "/64", "dev", "out0", "nodad"});
  const Json taken = fixed(conf(), 50);
  static_cast<void>(add(taken));
  del(taken);
  if (child().layer3) {
    return;  // without neighbours there is none to detect
  }
  const std::string before = everything();
  EXPECT_THAT(refusal(with(taken, {{"enabledad", true}}), 11), HasSubstr("in use by another host"));
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

TEST_P(ChildMode, TheHostDoesNotReachItsContainersByItself) {
  static_cast<void>(add(conf()));
  EXPECT_FALSE(ping("", address4(10)));
}

TEST_P(ChildHostTraffic, HostAndContainersReachEachOtherWithHostAccess) {
  const std::string before = everything();
  const Json first = add(accessible());
  const std::string with_one = everything();
  EXPECT_EQ(first["interfaces"].size(), 2U);
  const std::string host_link = first["interfaces"][1]["name"];
  EXPECT_THAT(ip("", {"link", "show", host_link})[0]["ifalias"].get<std::string>(),
              HasSubstr("host access over: up0, net: net1"));
  for (const std::string& address : {address4(10), address6(10)}) {
    EXPECT_TRUE(ping("", address)) << address;
  }
  for (const char* address : {"10.22.0.200", "fd22::200", "198.51.100.1", "2001:db8::1"}) {
    EXPECT_TRUE(ping("c1", address)) << address;
  }
  const Json second = add(accessible(), "c2");
  EXPECT_EQ(second["interfaces"][1]["name"], host_link);
  // Without an entry of the host's own asking.
  EXPECT_TRUE(ping("c2", "10.22.0.200"));
  EXPECT_TRUE(ping("c2", "fd22::200"));
  EXPECT_TRUE(ping("c2", address4(10)));
  del(accessible(), "c2", second);
  EXPECT_EQ(everything(), with_one);
  EXPECT_TRUE(ping("", address4(10)));
  EXPECT_TRUE(ping("", address6(10)));
  del(accessible(), "c1", first);
  EXPECT_EQ(everything(), before);
}

TEST_P(ChildHostAccess, HostAccessAnswersNobodyOnTheWireInTheHostsPlace) {
  static_cast<void>(add(accessible()));
  const std::string uplink = ip("", {"link", "show", "up0"})[0]["address"];
  for (int i = 0; i < 5; ++i) {
    must_run({"ip", "-n", "outside", "neigh", "flush", "dev", "out0"});
    EXPECT_TRUE(ping("outside", "10.22.0.200"));
    EXPECT_TRUE(ping("outside", "fd22::200"));
    for (const char* family : {"-4", "-6"}) {
      for (const Json& entry : ip("outside", {family, "neigh", "show", "dev", "out0"})) {
        const std::string address = entry.value("dst", "");
        if (address == "10.22.0.200" || address == "fd22::200") {
          EXPECT_EQ(entry["lladdr"], uplink) << address;
        }
      }
    }
  }
}

TEST_P(ChildHostAccess, CheckNoticesTheLossOfHostAccess) {
  const Json result = add(accessible());
  EXPECT_EQ(check_message(accessible(), result), "");
  const std::string host_link = result["interfaces"][1]["name"];
  must_run({"ip", "route", "delete", address4(10), "dev", host_link});
  EXPECT_THAT(check_message(accessible(), result),
              HasSubstr("lacks the route to " + address4(10) + " that hostAccess"));
  must_run({"ip", "link", "delete", host_link});
  EXPECT_THAT(check_message(accessible(), result),
              HasSubstr("lacks the route to " + address6(10) + " that hostAccess"));
  // The next ADD makes the interface anew.
  static_cast<void>(add(accessible(), "c2"));
  EXPECT_EQ(ip("", {"link", "show", host_link}).size(), 1U);
}

TEST_P(ChildHostTraffic, HostAccessOfTwoNetworksIsApart) {
  Json other = with(accessible(), {{"name", "net2"}});
  other["ipam"]["ranges"][0][0]["rangeStart"] = address4(100);
  other["ipam"]["ranges"][1][0]["rangeStart"] = address6(100);
  static_cast<void>(add(accessible(), "c1"));
  const std::string with_one = world();
  static_cast<void>(add(other, "c2"));
  EXPECT_TRUE(ping("", address4(10)));
  EXPECT_TRUE(ping("", address4(100)));
  other["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = other}).exit_code, 0);
  EXPECT_EQ(world(), with_one);
  EXPECT_TRUE(ping("", address4(10)));
}

TEST_P(ChildHostAccess, HostAccessOutlivesAddsAndDelsOfOthersAtTheSameTime) {
  constexpr int kContainers = 12;
  constexpr int kWorkers = 4;
  const Json shared = accessible();
  const std::string before = world();
  for (int i = 0; i < kContainers; ++i) {
    make_container("p" + std::to_string(i));
  }
  std::vector<std::thread> workers;
  std::vector<std::string> failures(kWorkers);
  for (int worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&, worker] {
      for (int i = worker; i < kContainers; i += kWorkers) {
        const std::string name = "p" + std::to_string(i);
        for (const char* verb : {"ADD", "DEL", "ADD", "DEL"}) {
          const ProgramOutput output = call({.verb = verb, .container = name, .conf = shared});
          if (output.exit_code != 0) {
            failures[static_cast<std::size_t>(worker)] += verb + output.standard_output;
          }
        }
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  EXPECT_THAT(failures, testing::Each(""));
  EXPECT_EQ(world(), before);
  for (int i = 0; i < kContainers; ++i) {
    remove_container("p" + std::to_string(i));
  }
}

TEST_P(ChildExample, TheExampleOfTheDocumentsConnectsTwoContainersAndTheHost) {
  const std::string plugin = child().keys["type"];
  std::ifstream file(std::string(LINNET_SOURCE_DIR) + "/docs/examples/" + plugin + ".conflist");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const Json list = Json::parse(text);
  Json example = list["plugins"][0];
  example.update({{"name", list["name"]}, {"cniVersion", list["cniVersion"]}, {"master", "up0"}});
  const std::string before = everything();
  const ProgramOutput first = call({.verb = "ADD", .conf = example});
  ASSERT_EQ(first.exit_code, 0) << first.standard_output;
  EXPECT_EQ(first.standard_error, "");
  const Json second = add(example, "c2");
  for (const Json& address : second["ips"]) {
    const std::string cidr = address["address"];
    const std::string plain = cidr.substr(0, cidr.find('/'));
    EXPECT_TRUE(ping("c1", plain)) << plain;
    EXPECT_TRUE(ping("", plain)) << plain;
  }
  del(example, "c2", second);
  del(example, "c1", first.json());
  EXPECT_EQ(everything(), before);
}

// Makes the nth system call of a kind fail, for every n of an ADD: the world stays as it was, whether the
// plugin reports the failure or can do without the call.
TEST_P(ChildFailures, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  // The longest way: the name clashes on kernels where it can.
  must_run({"ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"});
  const Json added = accessible();
  const std::string before = everything();
  int failures = 0;
  for (const std::string syscall : {"sendto", "recvmmsg", "setns", "socket", "openat", "flock"}) {
    for (int nth = 1; nth <= 24; ++nth) {
      const std::string inject = "inject=" + syscall + ":error=ENOBUFS:when=" + std::to_string(nth);
      const Call injected = {.verb = "ADD",
                             .conf = added,
                             // The leak checker needs the ptrace that strace has.
                             .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
                             .wrapper = {"strace", "-o", "/run/trace", "-e", inject}};
      const ProgramOutput output = call(injected);
      std::ifstream trace("/run/trace");
      const std::string text((std::istreambuf_iterator<char>(trace)), {});
      if (text.find("INJECTED") == std::string::npos) {
        del(added);
        break;
      }
      // A process that cannot return to its namespace ends where it stands; DEL clears up.
      const bool ended_at_once = output.exit_code > 128;
      if (output.exit_code == 0 || ended_at_once) {
        del(added);
      } else {
        ++failures;
      }
      ASSERT_EQ(everything(), before) << inject << "\n"
                                      << output.standard_output << output.standard_error;
    }
  }
  EXPECT_GT(failures, 20);
}

}  // namespace
}  // namespace linnet::test
