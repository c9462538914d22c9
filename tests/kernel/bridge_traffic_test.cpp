// What flows through what the bridge plugin makes: to the outside and back, and what must not.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

class BridgeTraffic : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    make_container("c2");
    make_outside();
  }

  // The source addresses that arrive at `netns` while `action` runs, counted by a rule there.
  static std::string counted(const std::string& netns, const std::string& match,
                             const std::function<void()>& action) {
    const std::vector<std::string> inside = {"ip", "netns", "exec", netns, "nft"};
    const auto nft = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), inside.begin(), inside.end());
      return must_run(arguments);
    };
    nft(
        {"add table inet watch; add chain inet watch in { type filter hook input priority 0; }; "
         "add rule inet watch in " +
         match + " counter"});
    action();
    const std::string listing = nft({"list table inet watch"});
    nft({"delete table inet watch"});
    return listing;
  }
};

TEST_F(BridgeTraffic, MasqueradeReachesTheOutsideOverBothFamilies) {
  static_cast<void>(add(dual_stack_conf()));
  EXPECT_FALSE(ping("c1", "192.0.2.9"));
  del(dual_stack_conf());
  const Json conf = with(dual_stack_conf(), {{"ipMasq", true}});
  static_cast<void>(add(conf));
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  EXPECT_TRUE(ping("c1", "2001:db8::9"));
  EXPECT_THAT(
      counted("outside", "ip saddr 192.0.2.1", [&] { EXPECT_TRUE(ping("c1", "192.0.2.9")); }),
      HasSubstr("packets 1"));
}

TEST_F(BridgeTraffic, TrafficInsideTheSubnetKeepsItsSourceAlsoWithBrNetfilter) {
  const Json conf = with(dual_stack_conf(), {{"ipMasq", true}});
  static_cast<void>(add(conf, "c1"));
  static_cast<void>(add(conf, "c2"));
  std::ofstream("/proc/sys/net/bridge/bridge-nf-call-iptables") << "1";
  std::ofstream("/proc/sys/net/bridge/bridge-nf-call-ip6tables") << "1";
  EXPECT_THAT(counted("c2", "ip saddr 10.22.0.2", [&] { EXPECT_TRUE(ping("c1", "10.22.0.3")); }),
              HasSubstr("packets 1"));
  EXPECT_THAT(counted("c2", "ip6 saddr fd22::2 icmpv6 type echo-request",
                      [&] { EXPECT_TRUE(ping("c1", "fd22::3")); }),
              HasSubstr("packets 1"));
}

TEST_F(BridgeTraffic, MacCheckDropsForgedFramesAndLetsOwnOnesPass) {
  const Json conf = with(bridge_conf(), {{"macspoofchk", true}});
  static_cast<void>(add(conf));
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  must_run({"ip", "-n", "c1", "link", "set", "eth0", "address", "02:00:00:00:00:99"});
  EXPECT_FALSE(ping("c1", "10.22.0.1"));
}

TEST_F(BridgeTraffic, RuleCountDoesNotGrowWithTheContainers) {
  const Json conf = with(bridge_conf(), {{"ipMasq", true}, {"macspoofchk", true}});
  const auto rules = [] {
    const std::string text = must_run({"nft", "-a", "list", "ruleset"});
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("# handle", at)) != std::string::npos; ++at) {
      ++count;
    }
    return count;
  };
  static_cast<void>(add(conf, "c1"));
  const std::size_t with_one = rules();
  static_cast<void>(add(conf, "c2"));
  EXPECT_EQ(rules(), with_one);
}

// A node where containers of the reference run is switched over.
class Upgrade : public BridgeTraffic {
 protected:
  void SetUp() override {
    if (reference_folder().empty()) {
      GTEST_SKIP() << "needs the reference plugins (package containernetworking-plugins)";
    }
    BridgeTraffic::SetUp();
  }
};

TEST_F(Upgrade, DelRemovesWhatTheReferencePluginMade) {
  const Json conf = with(bridge_conf(), {{"ipMasq", true}, {"cniVersion", "1.0.0"}});
  const std::string own_path = plugin_path_;
  const auto use = [&](const std::string& folder) { plugin_path_ = folder; };
  use(reference_folder());
  static_cast<void>(add(conf, "c2"));
  const std::string with_one = world();
  const Json result = add(conf, "c1");
  use(own_path);
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  del(conf, "c1", result);
  EXPECT_EQ(world(), with_one);
  // With neither namespace nor prevResult, the rules and the lease go all the same.
  use(reference_folder());
  static_cast<void>(add(conf, "c1"));
  use(own_path);
  remove_container("c1");
  del(conf, "c1");
  // The kernel takes a namespace and its links down a little after it was deleted.
  for (int i = 0; i < 100 && world() != with_one; ++i) {
    ::usleep(50'000);
  }
  EXPECT_EQ(world(), with_one);
  EXPECT_TRUE(ping("c2", "192.0.2.9"));
}

TEST_F(Upgrade, GcRemovesMasqueradeRulesOfContainersThatAreGone) {
  const Json conf = with(bridge_conf(), {{"ipMasq", true}, {"cniVersion", "1.0.0"}});
  const std::string own_path = plugin_path_;
  plugin_path_ = reference_folder();
  static_cast<void>(add(conf, "c2"));
  // Of another network: not to be collected.
  make_container("c3");
  static_cast<void>(
      add(with(conf, {{"name", "net2"}, {"ipam", {{"subnet", "10.23.0.0/16"}}}}), "c3"));
  // As versions from 1.6 write them with their nftables back end.
  const auto masquerade = [](const std::string& id) {
    const std::string key =
        must_run({"sh", "-c",
                  "echo $(printf net1 | sha512sum | cut -c-16)-$(printf eth0:" + id +
                      " | sha512sum | cut -c-16)"});
    must_run({"nft",
              "add table inet cni_plugins_masquerade; "
              "add chain inet cni_plugins_masquerade masq_checks; "
              "add rule inet cni_plugins_masquerade masq_checks ip saddr 10.22.0.99 ip daddr != "
              "10.22.0.0/16 masquerade comment \"" +
                  key.substr(0, 33) + ", net: net1, if: eth0, id: " + id + "\""});
  };
  masquerade("c2");
  const std::string before = world();
  masquerade("c1");
  static_cast<void>(add(conf, "c1"));
  plugin_path_ = own_path;
  remove_container("c1");
  const Json gc = with(conf, {{"cniVersion", "1.1.0"},
                              {"cni.dev/valid-attachments",
                               Json::array({{{"containerID", "c2"}, {"ifname", "eth0"}}})}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  for (int i = 0; i < 100 && world() != before; ++i) {
    ::usleep(50'000);
  }
  EXPECT_EQ(world(), before);
}

TEST_F(Upgrade, BothSuitesShareBridgeAndStore) {
  const Json conf = with(bridge_conf(), {{"ipMasq", true}, {"cniVersion", "1.0.0"}});
  const std::string own_path = plugin_path_;
  const Json ours = add(conf, "c1");
  plugin_path_ = reference_folder();
  const Json theirs = add(conf, "c2");
  EXPECT_NE(ours["ips"][0]["address"].dump(), theirs["ips"][0]["address"].dump());
  EXPECT_TRUE(ping("c1", "10.22.0.3"));
  plugin_path_ = own_path;
  del(conf, "c1", ours);
  del(conf, "c2", theirs);
  EXPECT_THAT(world(), testing::Not(HasSubstr("file ")));
}

TEST_F(Upgrade, OurBridgeWorksWithTheReferencesIpamAndTheOtherWayRound) {
  const Json conf = with(bridge_conf(), {{"cniVersion", "1.0.0"}});
  const Call ours = {
      .verb = "ADD", .conf = conf, .environment = {{"CNI_PATH", reference_folder()}}};
  EXPECT_EQ(call(ours).exit_code, 0);
  EXPECT_TRUE(ping("", "10.22.0.2"));
  const std::string own_path = plugin_path_;
  plugin_path_ = reference_folder();
  const Call theirs = {
      .verb = "ADD", .container = "c2", .conf = conf, .environment = {{"CNI_PATH", own_path}}};
  EXPECT_EQ(call(theirs).exit_code, 0);
  EXPECT_TRUE(ping("c2", "10.22.0.2"));
}

}  // namespace
}  // namespace linnet::test
