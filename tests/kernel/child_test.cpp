// ADD in every mode of macvlan and ipvlan: interface, traffic, master, names. Read back by iproute2 and ping.
#include <set>

#include "tests/kernel/child_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

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

}  // namespace
}  // namespace linnet::test
