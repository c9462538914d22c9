// hostAccess of macvlan and ipvlan: who reaches whom, and that it goes with its last user.
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/kernel/child_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

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

TEST_P(ChildHostAccess, TheNameOfTheHostsInterfaceThatSomethingElseHasIsRefusedAndStays) {
  const Json result = add(accessible());
  const std::string host_link = result["interfaces"][1]["name"];
  must_run({"ip", "link", "set", host_link, "down"});
  EXPECT_THAT(check_message(accessible(), result),
              HasSubstr("the host lacks the route to " + address4(10) + " that hostAccess"));
  del(accessible(), "c1", result);
  must_run({"ip", "link", "add", host_link, "type", "veth", "peer", "name", "other"});
  const std::string before = everything();
  EXPECT_EQ(refusal(accessible(), 999), "\"hostAccess\": the host already has a link named " +
                                            host_link + " that is none of linnet's: remove it");
  del(accessible());
  EXPECT_EQ(everything(), before);
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

}  // namespace
}  // namespace linnet::test
