// Many of a kind: what is done for one attachment at a time is done for a thousand.
#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "base/text.h"
#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"
#include "tests/kernel/traffic_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

constexpr int kMany = 1000;
constexpr int kPorts = 30000;

// The comment of an attachment of net1 that nobody knows any more.
std::string stale_comment(int number) {
  return attach::owner_comment(
      {.network = "net1", .container_id = concat("gone", number), .ifname = "eth0"});
}

std::string address_of(int number) { return concat("10.99.", number / 250, ".", number % 250 + 1); }

Json gc_of(Json conf) {
  conf["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  return conf;
}

class Many : public TrafficTest {
 protected:
  static void run_script(const std::vector<std::string>& command, const std::string& text) {
    std::ofstream("/run/script") << text;
    std::vector<std::string> all = command;
    all.emplace_back("/run/script");
    must_run(all);
  }
  // The elements of a set or map, by nft.
  static std::size_t elements_in(const std::string& kind, const std::string& table,
                                 const std::string& set) {
    const Json listed = Json::parse(must_run({"nft", "-j", "list", kind, "inet", table, set}));
    for (const Json& item : listed["nftables"]) {
      if (item.contains(kind)) {
        return item[kind].contains("elem") ? item[kind]["elem"].size() : 0;
      }
    }
    return 0;
  }
  static std::size_t rules_in_containers_chain() {
    const Json listed =
        Json::parse(must_run({"nft", "-j", "list", "chain", "ip", "filter", "CNI-FORWARD"}));
    return static_cast<std::size_t>(std::ranges::count_if(
        listed["nftables"], [](const Json& item) { return item.contains("rule"); }));
  }
  // Two GCs at once: each is faster than the other with some of it.
  void collect_twice_at_once(const Json& gc) const {
    ProgramOutput other;
    std::thread second([&] { other = call({.verb = "GC", .conf = gc}); });
    const ProgramOutput output = call({.verb = "GC", .conf = gc});
    second.join();
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    EXPECT_EQ(other.exit_code, 0) << other.standard_output;
  }

  void make_stale_elements(const std::string& set) const {
    std::string script;
    for (int i = 0; i < kMany; ++i) {
      script += concat("add element inet linnet ", set, " { ", address_of(i), " comment \"",
                       stale_comment(i), "\" }\n");
    }
    run_script({"nft", "-f"}, script);
  }
  void make_stale_rules() const {
    std::string script = "*filter\n";
    for (int i = 0; i < kMany / 2; ++i) {
      script += concat("-A CNI-FORWARD -d ", address_of(i),
                       "/32 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment \"",
                       stale_comment(i), "\" -j ACCEPT\n-A CNI-FORWARD -s ", address_of(i),
                       "/32 -m comment --comment \"", stale_comment(i), "\" -j ACCEPT\n");
    }
    run_script({"iptables-restore", "--noflush"}, script + "COMMIT\n");
  }
};

TEST_F(Many, RoutesOfOneAddAreAllThere) {
  make_container("c1");
  Json routes = Json::array();
  for (int i = 0; i < kMany; ++i) {
    routes.push_back({{"dst", concat("11.", i / 250, ".", i % 250, ".0/24")}});
  }
  const Json conf = {
      {"cniVersion", "1.1.0"},
      {"name", "net1"},
      {"type", "ptp"},
      {"ipam",
       {{"type", "static"},
        {"addresses", {{{"address", "10.1.1.1/24"}, {"gateway", "10.1.1.254"}}}},
        {"routes", routes}}}};
  static_cast<void>(add(conf, "c1"));
  EXPECT_EQ(ip("c1", {"route", "show", "root", "11.0.0.0/8"}).size(), std::size_t{kMany});
  const ProgramOutput output = call({.verb = "DEL", .conf = conf});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
}

TEST_F(Many, StaleElementsAreCollected) {
  const Json conf = with(bridge_conf(), {{"ipMasq", true}});
  make_container("c1");
  static_cast<void>(add(conf, "c1"));
  const std::string set = "masq_10.22.0.0_24";
  for (const bool at_once : {false, true}) {
    make_stale_elements(set);
    ASSERT_EQ(elements_in("set", "linnet", set), kMany + 1U);
    if (at_once) {
      collect_twice_at_once(gc_of(conf));
    } else {
      const ProgramOutput output = call({.verb = "GC", .conf = gc_of(conf)});
      EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    }
    EXPECT_EQ(elements_in("set", "linnet", set), 1U);
    EXPECT_THAT(must_run({"nft", "list", "set", "inet", "linnet", set}), HasSubstr("id: c1"));
  }
}

TEST_F(Many, StaleRulesOfIptablesAreCollected) {
  const Json conf = {{"cniVersion", "1.1.0"},
                     {"name", "net1"},
                     {"type", "firewall"},
                     {"backend", "iptables"},
                     {"prevResult", attach("c1")}};
  publish(conf);
  const std::size_t before = rules_in_containers_chain();
  for (const bool at_once : {false, true}) {
    make_stale_rules();
    ASSERT_EQ(rules_in_containers_chain(), before + kMany);
    if (at_once) {
      collect_twice_at_once(gc_of(conf));
    } else {
      const ProgramOutput output = call({.verb = "GC", .conf = gc_of(conf)});
      EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    }
    EXPECT_EQ(rules_in_containers_chain(), before);
    EXPECT_THAT(must_run({"iptables", "-S", "CNI-FORWARD"}), HasSubstr("id: c1"));
  }
}

TEST_F(Many, PortsArePublishedCheckedAndUnpublished) {
  Json mappings = Json::array();
  for (int i = 0; i < kPorts; ++i) {
    mappings.push_back(
        {{"hostPort", 10000 + i}, {"containerPort", 20000 + i}, {"protocol", "tcp"}});
  }
  const Json result = attach("c1");
  const Json conf = portmap_conf(mappings, result);
  publish(conf);
  EXPECT_EQ(elements_in("map", "linnet_portmap", "ports4"), kPorts);
  EXPECT_EQ(elements_in("map", "linnet_portmap", "ports6"), kPorts);
  EXPECT_EQ(check_message(conf, result), "");
  must_run({"nft", "delete element inet linnet_portmap ports4 { tcp . 12345 }"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("tcp port 12345 of the host"));
  publish(conf);
  EXPECT_EQ(check_message(conf, result), "");
  del(conf);
  EXPECT_EQ(elements_in("map", "linnet_portmap", "ports4"), 0U);
  EXPECT_EQ(elements_in("map", "linnet_portmap", "ports6"), 0U);
  EXPECT_EQ(elements_in("map", "linnet_portmap", "attachments"), 0U);
}

}  // namespace
}  // namespace linnet::test
