// firewall behind bridge: what passes, what does not, and what is left of it.
#include <gmock/gmock.h>

#include "base/text.h"
#include "tests/kernel/traffic_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

class Firewall : public TrafficTest {
 protected:
  void SetUp() override {
    TrafficTest::SetUp();
    if (!IsSkipped()) {
      result_ = attach("c1");
    }
  }

  [[nodiscard]] static Json firewall_conf(const Json& prev_result,
                                          const Json& changes = Json::object()) {
    Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "firewall"}};
    if (!prev_result.is_null()) {
      conf["prevResult"] = prev_result;
    }
    return with(std::move(conf), changes);
  }
  [[nodiscard]] Json conf(const Json& changes = Json::object()) const {
    return firewall_conf(result_, changes);
  }
  // A container on a bridge of its own.
  [[nodiscard]] Json attach_elsewhere(const std::string& container) const {
    make_container(container);
    Json other = with(bridge_conf(), {{"name", "net2"}, {"bridge", "br1"}});
    other["ipam"]["ranges"] = {{{{"subnet", "10.33.0.0/24"}}}};
    return add(other, container);
  }
  [[nodiscard]] std::string world_after_one_round(const Json& conf) const {
    publish(conf);
    del(conf);
    return world();
  }
  static void drop_forwarded() {
    must_run({"iptables", "-P", "FORWARD", "DROP"});
    must_run({"ip6tables", "-P", "FORWARD", "DROP"});
  }
  [[nodiscard]] static std::string iptables() {
    return must_run({"iptables", "-S"}) + must_run({"ip6tables", "-S"});
  }
  [[nodiscard]] static std::string tables() {
    return run_program({"nft", "list", "table", "inet", "linnet_firewall"}).standard_output +
           run_program({"nft", "list", "table", "bridge", "linnet_firewall"}).standard_output;
  }

  Json result_;
};

TEST_F(Firewall, DelLeavesTheWorldAsItWasBeforeAdd) {
  drop_forwarded();
  for (const Json& changes :
       {Json({{"ingressPolicy", "open"}, {"backend", "nftables"}}),
        Json({{"ingressPolicy", "isolated"}}), Json({{"backend", "iptables"}})}) {
    const std::string before = world_after_one_round(conf(changes));
    publish(conf(changes));
    EXPECT_NE(world(), before);
    del(conf(changes));
    EXPECT_EQ(world(), before);
    del(conf(changes));
    EXPECT_EQ(world(), before);
    publish(conf(changes));
    const Call bare = {.verb = "DEL",
                       .conf = firewall_conf({}, {{"backend", 7}, {"ingressPolicy", "what"}}),
                       .environment = {{"CNI_NETNS", "/run/netns/gone"}}};
    EXPECT_EQ(call(bare).exit_code, 0);
    EXPECT_EQ(world(), before);
  }
}

TEST_F(Firewall, RefusalsNameTheWayOut) {
  expect_refused(firewall_conf({}), "missing prevResult from earlier plugin");
  expect_refused(conf({{"backend", "firewalld"}}), "start firewalld, or leave the key out");
  expect_refused(conf({{"backend", "pf"}}), "\"pf\"");
  expect_refused(conf({{"ingressPolicy", "closed"}}), "\"closed\"");
  expect_refused(conf({{"iptablesAdminChainName", "MY CHAIN"}}), "MY CHAIN");
  Json routed = result_;
  routed["interfaces"][0]["sandbox"] = "/run/netns/c1";
  expect_refused(firewall_conf(routed, {{"ingressPolicy", "isolated"}}),
                 "needs the container's bridge");
}

TEST_F(Firewall, LetsContainersThroughWhereIptablesDropsForwardedTraffic) {
  drop_forwarded();
  wait_for_the_outside();
  EXPECT_FALSE(ping("c1", "192.0.2.9"));
  publish(conf());
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  EXPECT_TRUE(ping("c1", "2001:db8::9"));
  EXPECT_FALSE(ping("outside", "10.22.0.2")) << "only answers come in";
  const std::string shown = iptables();
  EXPECT_THAT(shown, HasSubstr("-A FORWARD -m comment --comment \"CNI firewall plugin rules\" -j "
                               "CNI-FORWARD"));
  EXPECT_THAT(shown, HasSubstr("-A CNI-FORWARD -m comment --comment \"CNI firewall plugin admin "
                               "overrides\" -j CNI-ADMIN"));
  EXPECT_THAT(shown, HasSubstr("-A CNI-FORWARD -d 10.22.0.2/32 -m conntrack --ctstate "
                               "RELATED,ESTABLISHED -m comment --comment"));
  EXPECT_THAT(shown, HasSubstr("-A CNI-FORWARD -s fd22::2/128 -m comment --comment"));
  EXPECT_THAT(shown, HasSubstr("-P FORWARD DROP"));
  must_run({"iptables", "-I", "CNI-ADMIN", "-s", "10.22.0.2", "-j", "DROP"});
  EXPECT_FALSE(ping("c1", "192.0.2.9")) << "the administrator comes first";
  must_run({"iptables", "-F", "CNI-ADMIN"});
  del(conf());
  EXPECT_FALSE(ping("c1", "192.0.2.9"));
}

TEST_F(Firewall, SharesTheChainsOfIptablesAndReplacesItsOwnRules) {
  publish(conf({{"backend", "iptables"}}));
  const std::string once = iptables();
  publish(conf({{"backend", "iptables"}}));
  EXPECT_EQ(iptables(), once);
  const Json other = attach("c2");
  publish(firewall_conf(other, {{"backend", "iptables"}}), "c2");
  EXPECT_EQ(split(iptables(), '\n').size(), split(once, '\n').size() + 4);
  del(firewall_conf(other), "c2");
  EXPECT_EQ(iptables(), once);
  publish(conf({{"backend", "iptables"}, {"iptablesAdminChainName", "MINE"}}));
  EXPECT_THAT(iptables(), HasSubstr("-j MINE"));
}

TEST_F(Firewall, KeepsBridgesApartAndTheRestOpen) {
  const Json near = attach("c2");
  const Json far = attach_elsewhere("c3");
  const Json policy = {{"ingressPolicy", "same-bridge"}};
  publish(conf(policy));
  publish(firewall_conf(near, policy), "c2");
  EXPECT_TRUE(ping("c1", "10.33.0.2")) << "the other bridge has no policy yet";
  publish(firewall_conf(far, with(policy, {{"name", "net2"}})), "c3");
  EXPECT_FALSE(ping("c1", "10.33.0.2"));
  EXPECT_FALSE(ping("c3", "10.22.0.2"));
  EXPECT_TRUE(ping("c1", "10.22.0.3"));
  EXPECT_TRUE(ping("outside", "10.22.0.2"));
  EXPECT_TRUE(ping("c3", "192.0.2.9"));
  publish(firewall_conf(far, {{"name", "net2"}}), "c3");
  EXPECT_TRUE(ping("c1", "10.33.0.2")) << "open again";
}

TEST_F(Firewall, IsolatesContainersOfABridge) {
  const Json near = attach("c2");
  EXPECT_TRUE(ping("c1", "10.22.0.3"));
  const Json policy = {{"ingressPolicy", "isolated"}};
  publish(conf(policy));
  publish(firewall_conf(near, policy), "c2");
  EXPECT_FALSE(ping("c1", "10.22.0.3"));
  must_run({"sh", "-c", "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables"});
  EXPECT_FALSE(ping("c1", "10.22.0.3")) << "without br_netfilter";
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
}

TEST_F(Firewall, TheAdministratorsChainOfNftablesComesFirst) {
  publish(conf({{"backend", "nftables"}}));
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  must_run({"nft", "add rule inet linnet_firewall admin ip saddr 10.22.0.2 drop"});
  EXPECT_FALSE(ping("c1", "192.0.2.9"));
}

TEST_F(Firewall, RuleCountOfNftablesDoesNotGrow) {
  const Json policy = {{"ingressPolicy", "isolated"}, {"backend", "nftables"}};
  const auto handles = [] { return split(must_run({"nft", "-a", "list", "ruleset"}), '#').size(); };
  publish(conf(policy));
  const Json near = attach("c2");
  const std::size_t before = handles();
  publish(firewall_conf(near, policy), "c2");
  EXPECT_EQ(handles(), before);
}

TEST_F(Firewall, CheckNoticesEachDrift) {
  const Json strict = conf({{"ingressPolicy", "isolated"}, {"backend", "iptables"}});
  const std::string table = "inet linnet_firewall ";
  const std::vector<std::pair<std::string, std::string>> drifts = {
      {"nft flush set " + table + "containers4", "containers4 lacks the container"},
      {"nft flush set " + table + "bridges", "bridges lacks bridge br0"},
      {"nft flush set " + table + "isolated_bridges", "isolated_bridges lacks"},
      {"nft flush set bridge linnet_firewall isolated_ports", "isolated_ports lacks"},
      {"nft add element " + table + "same_bridge '{ br0 . br0 }'", "with another policy"},
      {"nft flush chain " + table + "forward", "forward lacks the rule"},
      {"nft flush chain bridge linnet_firewall forward", "from port to port"},
      {"iptables -F FORWARD", "no rule of FORWARD jumps"},
      {"iptables -D CNI-FORWARD 1", "jumps to CNI-ADMIN"},
      {"ip6tables -D CNI-FORWARD 3", "has 1 of 2 rules for fd22::2"}};
  for (const auto& [command, words] : drifts) {
    publish(strict);
    ASSERT_EQ(check_message(strict, result_), "");
    must_run({"sh", "-c", command});
    EXPECT_THAT(check_message(strict, result_), HasSubstr(words)) << command;
    del(strict);
    must_run({"nft", "flush", "ruleset"});
  }
}

TEST_F(Firewall, GcRemovesWhatIsNotValidAndThePoliciesWithTheLast) {
  const Json strict = {{"ingressPolicy", "isolated"}, {"backend", "iptables"}};
  publish(conf(strict));
  const Json near = attach("c2");
  publish(firewall_conf(near, strict), "c2");
  const Json far = attach_elsewhere("c3");
  publish(firewall_conf(far, with(strict, {{"name", "net2"}})), "c3");
  Json gc = firewall_conf({}, {{"cni.dev/valid-attachments",
                                Json::array({{{"containerID", "c2"}, {"ifname", "eth0"}}})}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_THAT(tables() + iptables(), Not(HasSubstr("id: c1")));
  EXPECT_THAT(tables(), HasSubstr("\"br0\""));
  gc["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_THAT(tables() + iptables(), Not(HasSubstr("net: net1")));
  EXPECT_THAT(tables(), HasSubstr("\"br1\""));
  EXPECT_THAT(iptables(), HasSubstr("id: c3"));
}

TEST_F(Firewall, StatusTriesTheRulesInANamespaceOfItsOwn) {
  const std::string before = world();
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf({{"ingressPolicy", "isolated"}})}).exit_code, 0);
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf({{"backend", "iptables"}})}).exit_code, 0);
  EXPECT_EQ(world(), before);
  const Call unprivileged = {
      .verb = "STATUS", .conf = conf(), .wrapper = {"setpriv", "--reuid=65534", "--clear-groups"}};
  EXPECT_EQ(call(unprivileged).json()["code"], 50);
}

TEST_F(Firewall, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  const Json strict = conf({{"ingressPolicy", "isolated"}, {"backend", "iptables"}});
  static_cast<void>(world_after_one_round(strict));
  fail_each_step_of_add(strict, world, 10);
}

TEST_F(Firewall, WarnsOfZonesOfFirewalldThatItDoesNotUse) {
  must_run({"nft", "add table inet firewalld; add chain inet firewalld filter_FORWARD"});
  const ProgramOutput output = call({.verb = "ADD", .conf = conf({{"backend", "nftables"}})});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error, HasSubstr("firewalld is active, but not used"));
}

// A system bus that cannot be asked: left alone where nothing says that it is meant.
TEST_F(Firewall, ABusThatCannotBeAskedIsAWarningOrAnErrorWhereItIsAskedFor) {
  must_run({"touch", "/run/file"});
  const std::vector<std::pair<std::string, std::string>> buses = {
      {"tcp:host=localhost", "expected unix:path="},
      {"unix:path=%zz", "expected unix:path="},
      {"unix:path=/run/" + std::string(120, 'x'), "name too long"},
      {"unix:path=/run/file/socket", "connect to system bus \"/run/file/socket\""}};
  for (const auto& [address, words] : buses) {
    SCOPED_TRACE(address);
    const auto with_bus = [&, address = address](const char* verb, const Json& conf) {
      return call(
          {.verb = verb, .conf = conf, .environment = {{"DBUS_SYSTEM_BUS_ADDRESS", address}}});
    };
    const std::string before = world();
    const Json asked_for = conf({{"backend", "firewalld"}});
    for (const char* verb : {"ADD", "STATUS"}) {
      const ProgramOutput refused = with_bus(verb, asked_for);
      EXPECT_EQ(refused.json()["code"], 50) << refused.standard_output;
      EXPECT_THAT(refused.json()["msg"].get<std::string>(), HasSubstr(words));
      EXPECT_THAT(refused.json()["msg"].get<std::string>(),
                  HasSubstr("start firewalld, or leave the key out"));
    }
    EXPECT_EQ(world(), before);
    const ProgramOutput added = with_bus("ADD", conf());
    EXPECT_EQ(added.exit_code, 0) << added.standard_output;
    EXPECT_THAT(added.standard_error,
                HasSubstr("whether firewalld runs is not known, it is left alone: "));
    EXPECT_THAT(added.standard_error, HasSubstr(words));
    EXPECT_EQ(with_bus("DEL", conf()).exit_code, 0);
    // Elements are gone, but without them a source may be left of what nobody recorded.
    const ProgramOutput again = with_bus("DEL", asked_for);
    EXPECT_EQ(again.exit_code, 0) << again.standard_output;
    EXPECT_THAT(again.standard_error, HasSubstr(words));
    EXPECT_THAT(tables(), Not(HasSubstr("id: c1")));
  }
}

// Where the legacy iptables is what drops.
class LegacyFirewall : public Firewall {
 protected:
  void SetUp() override {
    Firewall::SetUp();
    if (!IsSkipped() && run_program({"iptables-legacy", "-P", "FORWARD", "DROP"}).exit_code != 0) {
      GTEST_SKIP() << "this kernel has no legacy iptables";
    }
  }
  [[nodiscard]] static std::string listing() { return must_run({"iptables-legacy", "-S"}); }
};

TEST_F(LegacyFirewall, IsSpokenToByItsOwnTool) {
  EXPECT_FALSE(ping("c1", "192.0.2.9"));
  const std::string dropping = listing();
  publish(conf({{"backend", "nftables"}}));
  EXPECT_EQ(listing(), dropping);
  del(conf());
  publish(conf());
  del(conf());
  const std::string before = listing();
  publish(conf());
  EXPECT_TRUE(ping("c1", "192.0.2.9"));
  EXPECT_FALSE(ping("outside", "10.22.0.2"));
  EXPECT_EQ(check_message(conf(), result_), "");
  const std::string once = listing();
  publish(conf());
  EXPECT_EQ(listing(), once);
  must_run({"iptables-legacy", "-D", "CNI-FORWARD", "3"});
  EXPECT_THAT(check_message(conf(), result_), HasSubstr("lacks the rule \"-s 10.22.0.2/32\""));
  del(firewall_conf({}));
  EXPECT_EQ(listing(), before);
  EXPECT_FALSE(ping("c1", "192.0.2.9"));
}

TEST_F(LegacyFirewall, GcAndDelFindTheRulesThere) {
  publish(conf());
  const Json near = attach("c2");
  publish(firewall_conf(near), "c2");
  const Json gc = firewall_conf({}, {{"cni.dev/valid-attachments",
                                      Json::array({{{"containerID", "c2"}, {"ifname", "eth0"}}})}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_THAT(listing(), Not(HasSubstr("id: c1")));
  EXPECT_THAT(listing(), HasSubstr("id: c2"));
  // As the reference writes them.
  must_run({"iptables-legacy", "-A", "CNI-FORWARD", "-d", "10.22.0.2/32", "-m", "conntrack",
            "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"});
  must_run({"iptables-legacy", "-A", "CNI-FORWARD", "-s", "10.22.0.2/32", "-j", "ACCEPT"});
  del(conf(), "c1", result_);
  EXPECT_THAT(listing(), Not(HasSubstr("10.22.0.2")));
  EXPECT_THAT(listing(), HasSubstr("10.22.0.3"));
}

TEST_F(Firewall, DelRemovesTheRulesOfTheReferenceForItsAddresses) {
  if (reference_folder().empty()) {
    GTEST_SKIP() << "needs the reference plugins (package containernetworking-plugins)";
  }
  const auto add_with_reference = [&](Json conf, const std::string& container) {
    conf["cniVersion"] = conf["prevResult"]["cniVersion"] = "1.0.0";
    const std::string own = plugin_path_;
    plugin_path_ = reference_folder();
    static_cast<void>(add(conf, container));
    plugin_path_ = own;
  };
  const Json iptables_conf = conf({{"backend", "iptables"}});
  const Json other = firewall_conf(attach("c2"), {{"backend", "iptables"}});
  add_with_reference(other, "c2");
  const std::string before = iptables();
  add_with_reference(iptables_conf, "c1");
  EXPECT_NE(iptables(), before);
  del(iptables_conf);
  EXPECT_EQ(iptables(), before);
  publish(iptables_conf);
  del(iptables_conf);
  EXPECT_EQ(iptables(), before) << "beside those of a live container";
}

}  // namespace
}  // namespace linnet::test
