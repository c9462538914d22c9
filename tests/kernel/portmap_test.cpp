// portmap behind bridge: what it makes in nftables and takes away again.
#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "base/text.h"
#include "tests/kernel/traffic_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

const Json kWeb = {{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}};
const Json kDns = {{"HostPort", 5353}, {"ContainerPort", 53}, {"Protocol", "UDP"}};

class Portmap : public TrafficTest {
 protected:
  void SetUp() override {
    TrafficTest::SetUp();
    if (!IsSkipped()) {
      result_ = attach("c1");
    }
  }

  [[nodiscard]] Json conf(const Json& mappings, const Json& changes = Json::object()) const {
    return portmap_conf(mappings, result_, changes);
  }
  // What containers share is there afterwards: table, chains, empty sets.
  [[nodiscard]] std::string world_after_one_round(const Json& conf) const {
    publish(conf);
    del(conf);
    return world();
  }
  [[nodiscard]] static std::size_t count(const std::string& text, const std::string& word) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) {
      ++found;
    }
    return found;
  }

  Json result_;
};

TEST_F(Portmap, DelLeavesTheWorldAsItWasBeforeAdd) {
  const Json both = conf({kWeb, kDns});
  const std::string before = world_after_one_round(both);
  publish(both);
  EXPECT_NE(world(), before);
  del(both);
  EXPECT_EQ(world(), before);
  del(both);
  EXPECT_EQ(world(), before);
}

TEST_F(Portmap, DelNeedsNeitherNamespaceNorPrevResultNorAValidConfiguration) {
  const Json both = conf({kWeb, kDns});
  const std::string before = world_after_one_round(both);
  const std::vector<Json> odd = {portmap_conf({kWeb, kDns}, {}),
                                 portmap_conf(Json::array({kWeb}), result_),
                                 portmap_conf(nullptr, {}),
                                 portmap_conf({{{"hostPort", "x"}}}, {}),
                                 conf({kWeb, with(kWeb, {{"containerPort", 81}})}),
                                 conf({kWeb, kDns}, {{"snat", "perhaps"}}),
                                 conf({kWeb, kDns}, {{"conditionsV4", {"-j", "DROP"}}}),
                                 conf({kWeb, kDns}, {{"runtimeConfig", 7}}),
                                 conf({kWeb, kDns}, {{"prevResult", "none"}})};
  for (const Json& how : odd) {
    publish(both);
    const Call call_it = {
        .verb = "DEL", .conf = how, .environment = {{"CNI_NETNS", "/run/netns/gone"}}};
    const ProgramOutput output = call(call_it);
    EXPECT_EQ(output.exit_code, 0) << how.dump() << output.standard_output;
    EXPECT_EQ(world(), before) << how.dump();
  }
}

TEST_F(Portmap, WithoutMappingsNothingIsMade) {
  const std::string before = world();
  publish(conf(Json::array()));
  publish(conf(nullptr));
  EXPECT_EQ(check_message(conf(Json::array()), result_), "");
  del(conf(Json::array()));
  EXPECT_EQ(world(), before);
  EXPECT_EQ(rules(), "");
}

TEST_F(Portmap, MustBeChained) {
  expect_refused(portmap_conf(Json::array({kWeb}), {}), "must be called as chained plugin");
}

TEST_F(Portmap, RuleCountDoesNotDependOnContainersAndMappings) {
  publish(conf(Json::array({kWeb})));
  const std::size_t with_one = count(rules(), " comment \"redirect") + count(rules(), "jump");
  const std::size_t all_rules =
      count(must_run({"nft", "-a", "list", "table", "inet", "linnet_portmap"}), "# handle");
  const Json other = attach("c2");
  publish(
      portmap_conf({{{"hostPort", 1000}, {"containerPort", 1000}, {"range", 500}}, kDns}, other),
      "c2");
  EXPECT_EQ(count(rules(), " comment \"redirect") + count(rules(), "jump"), with_one);
  EXPECT_EQ(count(must_run({"nft", "-a", "list", "table", "inet", "linnet_portmap"}), "# handle"),
            all_rules);
}

TEST_F(Portmap, ARangeOfThousandsOfPortsIsOneAdd) {
  const Json range = conf({{{"hostPort", 10000}, {"containerPort", 20000}, {"range", 4000}}});
  const std::string before = world_after_one_round(range);
  publish(range);
  EXPECT_EQ(count(rules(), " : 10.22.0.2 . "), 4000U);
  EXPECT_THAT(rules(), HasSubstr("tcp . 13999 "));
  EXPECT_EQ(check_message(range, result_), "");
  del(range);
  EXPECT_EQ(world(), before);
}

TEST_F(Portmap, APortOfAnotherContainerIsRefusedWithItsName) {
  publish(conf(Json::array({kWeb})));
  const Json other = attach("c2");
  expect_refused(
      portmap_conf({kDns, kWeb}, other),
      "tcp port 8080 of the host is redirected to 10.22.0.2 for the attachment net: net1, "
      "if: eth0, id: c1",
      "c2");
  del(conf(Json::array({kWeb})));
  publish(portmap_conf({kDns, kWeb}, other), "c2");
}

// Podman gives all mappings of a container to each of its networks.
TEST_F(Portmap, APortInSeveralNetworksOfAContainerPassesFromOneToTheNext) {
  const auto in_network = [&](const std::string& name, const std::string& verb) {
    const std::string ifname = "eth" + name;
    const Json result = {{"cniVersion", "1.0.0"},
                         {"interfaces", {{{"name", ifname}, {"sandbox", "/run/netns/c1"}}}},
                         {"ips", {{{"interface", 0}, {"address", "10.9" + name + ".0.2/24"}}}}};
    Json other = conf({kWeb, kDns});
    other["name"] = "net" + name;
    other["prevResult"] = result;
    return call({.verb = verb, .conf = other, .ifname = ifname});
  };
  const auto served_by = [&](const std::string& address) {
    const std::string map = must_run({"nft", "list", "map", "inet", "linnet_portmap", "ports4"});
    return count(map, ": " + address + " . 80") + count(map, ": " + address + " . 53");
  };
  const Json first = conf({kWeb, kDns});
  publish(first);
  for (const char* name : {"2", "3"}) {
    ASSERT_EQ(in_network(name, "ADD").exit_code, 0);
    EXPECT_EQ(in_network(name, "ADD").exit_code, 0) << "once more";
    EXPECT_EQ(in_network(name, "CHECK").exit_code, 0);
  }
  EXPECT_EQ(served_by("10.22.0.2"), 2U);
  expect_refused(portmap_conf(Json::array({kWeb}), attach("c2")), "is redirected to 10.22.0.2",
                 "c2");
  // One that waits goes without a trace, one that serves hands over.
  ASSERT_EQ(in_network("2", "DEL").exit_code, 0);
  EXPECT_EQ(served_by("10.22.0.2"), 2U);
  ASSERT_EQ(in_network("2", "ADD").exit_code, 0);
  del(first);
  EXPECT_EQ(served_by("10.22.0.2"), 0U);
  EXPECT_EQ(served_by("10.92.0.2") + served_by("10.93.0.2"), 2U);
  EXPECT_EQ(in_network("2", "CHECK").exit_code, 0);
  EXPECT_EQ(in_network("3", "CHECK").exit_code, 0);
  ASSERT_EQ(in_network("2", "DEL").exit_code, 0);
  EXPECT_EQ(served_by("10.93.0.2"), 2U);
  ASSERT_EQ(in_network("3", "DEL").exit_code, 0);
  EXPECT_THAT(rules(), Not(HasSubstr("8080")));
  EXPECT_THAT(rules(), Not(HasSubstr("id: c1")));
}

TEST_F(Portmap, APortThatTooManyNetworksOfAContainerWantIsRefusedWithTheWayOut) {
  const auto in_network = [&](int number) {
    const std::string ifname = concat("net", number);
    Json other = conf(Json::array({kWeb}));
    other["name"] = ifname;
    other["prevResult"] = {
        {"cniVersion", "1.0.0"},
        {"interfaces", {{{"name", ifname}, {"sandbox", "/run/netns/c1"}}}},
        {"ips", {{{"interface", 0}, {"address", concat("10.90.", number, ".2/24")}}}}};
    return Call{.verb = "ADD", .conf = other, .ifname = ifname};
  };
  publish(conf(Json::array({kWeb})));
  constexpr int kWaiting = 9;
  for (int number = 1; number <= kWaiting; ++number) {
    ASSERT_EQ(call(in_network(number)).exit_code, 0) << number;
  }
  const std::string before = world();
  const ProgramOutput output = call(in_network(kWaiting + 1));
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_EQ(output.json()["code"], 7);
  EXPECT_EQ(output.json()["msg"],
            "\"runtimeConfig.portMappings\": tcp port 8080 of the host is wanted by 10 other "
            "networks of this container: disconnect it from one of them");
  EXPECT_EQ(world(), before);
}

TEST_F(Portmap, APortThatSomebodyRedirectedByHandIsRefusedAndStays) {
  const Json web = conf(Json::array({kWeb}));
  static_cast<void>(world_after_one_round(web));
  for (const std::string comment : {"", " comment \"mine\""}) {
    must_run({"nft", concat("add element inet linnet_portmap ports4 { tcp . 8080", comment,
                            " : 10.22.0.77 . 80 }")});
    expect_refused(web, "is redirected to 10.22.0.77 for another owner (\"");
    must_run({"nft", "flush map inet linnet_portmap ports4"});
  }
}

TEST_F(Portmap, AMappingOfAFamilyThatTheContainerLacksIsAWarning) {
  Json only_ipv4 = result_;
  only_ipv4["ips"].erase(1);
  const Json mapping = {{"hostPort", 8080}, {"containerPort", 80}, {"hostIP", "2001:db8::1"}};
  const Json web = portmap_conf(Json::array({mapping}), only_ipv4);
  const std::string before = world();
  const ProgramOutput output = call({.verb = "ADD", .conf = web});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error,
              HasSubstr("tcp port 8080 is not redirected: the container has no address of that"));
  EXPECT_EQ(check_message(web, only_ipv4), "");
  EXPECT_EQ(world(), before);
}

TEST_F(Portmap, ASecondAddOfTheSameAttachmentReplacesTheFirst) {
  publish(conf({kWeb, kDns}));
  const std::string once = world();
  publish(conf({kWeb, kDns}));
  EXPECT_EQ(world(), once);
  publish(conf(Json::array({kDns})));
  EXPECT_THAT(rules(), Not(HasSubstr("8080")));
  publish(conf({kWeb, kDns}));
  EXPECT_EQ(world(), once);
  // An address that a dead owner left is taken over.
  const Call next_owner = {.verb = "ADD",
                           .container = "c3",
                           .conf = conf({{{"hostPort", 99}, {"containerPort", 80}}}),
                           .environment = {{"CNI_NETNS", "/run/netns/c1"}}};
  EXPECT_EQ(call(next_owner).exit_code, 0);
  EXPECT_THAT(rules(), HasSubstr("id: c3"));
  del(conf({kWeb, kDns}));
  EXPECT_THAT(rules(), Not(HasSubstr("id: c1")));
}

TEST_F(Portmap, APortOfAProgramOnTheHostIsRefusedWithItsName) {
  serve("", "host", {8080});
  serve("", "local", {5353}, "127.0.0.1");
  serve("", "uplink", {7000}, "192.0.2.1");
  expect_refused(conf(Json::array({kWeb})),
                 "tcp port 8080 of the host is in use: python3 (process ");
  expect_refused(conf(Json::array({kDns})), "listens on 127.0.0.1");
  publish(conf({with(kDns, {{"hostIP", "192.0.2.1"}}),
                {{"hostPort", 7000}, {"containerPort", 1}, {"hostIP", "2001:db8::1"}}}));
  const auto on = [&](const std::string& address) {
    return conf({{{"hostPort", 7000}, {"containerPort", 1}, {"hostIP", address}}});
  };
  expect_refused(on("192.0.2.1"), "listens on 192.0.2.1");
  expect_refused(on("0.0.0.0"), "listens on 192.0.2.1");
}

TEST_F(Portmap, CheckNoticesEachDrift) {
  const Json both = conf({kWeb, kDns});
  const std::string table = "inet linnet_portmap ";
  const std::vector<std::pair<std::string, std::string>> drifts = {
      {"nft delete element " + table + "ports4 '{ tcp . 8080 }'", "tcp port 8080 of the host"},
      {"nft delete element " + table + "ports6 '{ udp . 5353 }'", "udp port 5353 of the host"},
      {"nft flush set " + table + "loops4", "loops4 lacks"},
      {"nft flush set " + table + "hairpin_10.22.0.0_24_13", "hairpin_10.22.0.0_24_13 lacks"},
      {"nft flush map " + table + "attachments", "attachments lacks the attachment"},
      {"nft flush chain " + table + "prerouting", "prerouting lacks the rule"},
      {"nft flush chain " + table + "published", "published lacks the rule"},
      {"nft flush chain " + table + "postrouting", "postrouting lacks the rule"},
      {"nft flush chain " + table + "hairpin_marks", "hairpin_marks lacks the rule"},
      {"echo 0 > /proc/sys/net/ipv4/conf/br0/route_localnet", "route_localnet is not 1"}};
  for (const auto& [command, words] : drifts) {
    publish(both);
    ASSERT_EQ(check_message(both, result_), "");
    must_run({"sh", "-c", command});
    EXPECT_THAT(check_message(both, result_), HasSubstr(words)) << command;
    del(both);
    must_run({"nft", "delete", "table", "inet", "linnet_portmap"});
  }
}

TEST_F(Portmap, GcRemovesWhatIsNotValidAndLeavesOtherNetworksAlone) {
  publish(conf({kWeb, kDns}));
  const Json other = attach("c2");
  publish(portmap_conf({{{"hostPort", 81}, {"containerPort", 80}}}, other), "c2");
  publish(portmap_conf({{{"hostPort", 82}, {"containerPort", 80}}}, other, {{"name", "net2"}}),
          "c2");
  const Json gc = portmap_conf(
      nullptr, {},
      {{"cni.dev/valid-attachments", Json::array({{{"containerID", "c2"}, {"ifname", "eth0"}}})}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_THAT(rules(), Not(HasSubstr("id: c1")));
  EXPECT_THAT(rules(), HasSubstr("tcp . 81 "));
  Json none = gc;
  none["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = none}).exit_code, 0);
  EXPECT_THAT(rules(), Not(HasSubstr("net: net1")));
  EXPECT_THAT(rules(), HasSubstr("tcp . 82 "));
}

TEST_F(Portmap, StatusTriesTheRulesInANamespaceOfItsOwn) {
  const std::string before = world();
  EXPECT_EQ(call({.verb = "STATUS",
                  .conf = conf(Json::array({kWeb}), {{"conditionsV4", {"-i", "eth0"}}})})
                .exit_code,
            0);
  EXPECT_EQ(world(), before);
  const Call unprivileged = {.verb = "STATUS",
                             .conf = conf(Json::array({kWeb})),
                             .wrapper = {"setpriv", "--reuid=65534", "--clear-groups"}};
  EXPECT_EQ(call(unprivileged).json()["code"], 50);
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf(Json::array({kWeb}), {{"backend", "pf"}})})
                .json()["code"],
            7);
}

TEST_F(Portmap, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  const Json both = conf({kWeb, kDns});
  static_cast<void>(world_after_one_round(both));
  fail_each_step_of_add(both, world, 15);
}

TEST_F(Portmap, AddsThatRaceForTheFirstTableAllSucceed) {
  constexpr int kContainers = 12;
  std::vector<Json> confs;
  for (int i = 0; i < kContainers; ++i) {
    const Json result = attach(concat("p", i));
    confs.push_back(portmap_conf({{{"hostPort", 9000 + i}, {"containerPort", 80}}}, result));
  }
  const auto in_parallel = [&](const std::string& verb) {
    std::vector<std::thread> workers;
    for (int i = 0; i < kContainers; ++i) {
      workers.emplace_back([&, i] {
        const ProgramOutput output = call({.verb = verb,
                                           .container = concat("p", i),
                                           .conf = confs[static_cast<std::size_t>(i)]});
        EXPECT_EQ(output.exit_code, 0) << output.standard_output;
      });
    }
    for (std::thread& worker : workers) {
      worker.join();
    }
  };
  in_parallel("ADD");
  EXPECT_EQ(count(rules(), ". 80"), 2U * kContainers);
  in_parallel("DEL");
  EXPECT_EQ(count(rules(), "elements"), 0U);
}

// The one that serves and two that wait go at once: whatever the order, the last one serves, and nothing of the
// others stays.
TEST_F(Portmap, DelsThatRaceHandAPortToTheOneThatStays) {
  const auto in_network = [&](int number, const std::string& verb) {
    const std::string name = std::to_string(number);
    Json network = conf(Json::array({kWeb}));
    network["name"] = "net" + name;
    network["prevResult"] = {
        {"cniVersion", "1.0.0"},
        {"interfaces", {{{"name", "eth" + name}, {"sandbox", "/run/netns/c1"}}}},
        {"ips", {{{"interface", 0}, {"address", "10.9" + name + ".0.2/24"}}}}};
    const ProgramOutput output = call({.verb = verb, .conf = network, .ifname = "eth" + name});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  };
  for (int round = 0; round < 12 && !HasFailure(); ++round) {
    for (int number = 1; number <= 4; ++number) {
      in_network(number, "ADD");
    }
    std::vector<std::thread> workers;
    for (int number = 1; number <= 3; ++number) {
      workers.emplace_back(in_network, number, "DEL");
    }
    for (std::thread& worker : workers) {
      worker.join();
    }
    for (const char* gone : {"10.91.0.2", "10.92.0.2", "10.93.0.2"}) {
      EXPECT_THAT(rules(), Not(HasSubstr(gone))) << "round " << round;
    }
    EXPECT_THAT(rules(), HasSubstr(": 10.94.0.2 . 80")) << "round " << round;
    in_network(4, "DEL");
  }
}

}  // namespace
}  // namespace linnet::test
