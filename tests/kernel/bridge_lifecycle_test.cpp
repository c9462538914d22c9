// DEL, CHECK, GC and STATUS of the bridge plugin, and what failures leave behind: nothing.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"
#include "tests/support/plugin_folder.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

class BridgeLifecycle : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
      make_container("c2");
    }
  }
};

Json masquerading(const Json& conf) { return with(conf, {{"ipMasq", true}}); }

TEST_F(BridgeLifecycle, DelUndoesAddForEveryCombinationOfKeys) {
  const std::vector<Json> combinations = {
      bridge_conf(),
      dual_stack_conf(),
      layer2_conf(),
      masquerading(dual_stack_conf()),
      with(masquerading(bridge_conf()), {{"macspoofchk", true}, {"mtu", 1400}}),
      with(bridge_conf(), {{"hairpinMode", true}, {"portIsolation", true}}),
      with(bridge_conf(), {{"isDefaultGateway", true}, {"enabledad", true}}),
      with(layer2_conf(), {{"disableContainerInterface", true}, {"macspoofchk", true}}),
      with(masquerading(bridge_conf()), {{"ipMasqBackend", "nftables"}, {"promiscMode", true}}),
  };
  for (const Json& conf : combinations) {
    SCOPED_TRACE(conf.dump());
    const std::string before = world_with_shared_things(conf);
    const Json result = add(conf);
    EXPECT_NE(world(), before);
    del(conf, "c1", result);
    EXPECT_EQ(world(), before);
    del(conf, "c1", result);
    EXPECT_EQ(world(), before);
    must_run({"ip", "link", "delete", "br0"});
  }
}

TEST_F(BridgeLifecycle, DelNeedsNeitherNamespaceNorPrevResultNorValidKeys) {
  const Json conf = masquerading(dual_stack_conf());
  const std::string before = world_with_shared_things(conf);
  const Json result = add(conf);
  Json broken = with(conf, {{"mtu", "large"}, {"vlan", -3}, {"prevResult", {{"ips", 7}}}});
  const Call call_without_netns = {
      .verb = "DEL", .conf = broken, .environment = {{"CNI_NETNS", ""}}};
  EXPECT_EQ(call(call_without_netns).exit_code, 0);
  EXPECT_EQ(world(), before);

  static_cast<void>(add(conf));
  remove_container("c1");
  del(conf, "c1");
  EXPECT_EQ(world(), before);
}

TEST_F(BridgeLifecycle, DelLeavesARuleOfAnotherOwnerOfTheSameAddress) {
  Json conf = masquerading(bridge_conf());
  conf["runtimeConfig"]["ips"] = {"10.22.0.50"};
  const Json result = add(conf);
  // The first container's lease and link vanish without a DEL, and the address goes to the second.
  must_run({"ip", "-n", "c1", "link", "delete", "eth0"});
  std::filesystem::remove("/var/lib/cni/networks/net1/10.22.0.50");
  static_cast<void>(add(conf, "c2"));
  del(conf, "c1", result);
  EXPECT_THAT(must_run({"nft", "list", "ruleset"}), HasSubstr("10.22.0.50"));
  EXPECT_TRUE(ping("", "10.22.0.50"));
}

TEST_F(BridgeLifecycle, DelAfterAnAddThatFoundTheNameTakenLeavesTheOtherNetworksInterface) {
  static_cast<void>(add(bridge_conf()));
  const std::string before = world();
  const Json other = with(bridge_conf(), {{"name", "net2"}});
  EXPECT_EQ(call({.verb = "ADD", .conf = other}).exit_code, 1);
  del(other);
  EXPECT_EQ(world(), before);
  EXPECT_TRUE(ping("", "10.22.0.2"));
}

TEST_F(BridgeLifecycle, CheckPassesAfterAddAndNamesWhatIsMissing) {
  const Json conf =
      with(masquerading(dual_stack_conf()),
           {{"mtu", 1400}, {"hairpinMode", true}, {"portIsolation", true}, {"macspoofchk", true}});
  const Json result = add(conf);
  const std::string port = result["interfaces"][1]["name"];
  EXPECT_EQ(check_message(conf, result), "");

  struct Damage {
    std::vector<std::string> command;
    std::vector<std::string> repair;
    std::string message;
  };
  const std::vector<Damage> damages = {
      {{"ip", "-n", "c1", "addr", "del", "10.22.0.2/24", "dev", "eth0"}, {}, "lacks address"},
      {{"ip", "-n", "c1", "addr", "add", "10.22.0.2/24", "dev", "eth0"}, {}, "lacks the route"},
      {{"ip", "-n", "c1", "route", "add", "default", "via", "10.22.0.1"}, {}, ""},
      {{"ip", "link", "set", port, "mtu", "1300"},
       {"ip", "link", "set", port, "mtu", "1400"},
       "has MTU 1300"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "mtu", "1300"},
       {"ip", "-n", "c1", "link", "set", "eth0", "mtu", "1400"},
       "has MTU 1300"},
      {{"bridge", "link", "set", "dev", port, "hairpin", "off"},
       {"bridge", "link", "set", "dev", port, "hairpin", "on"},
       "lacks hairpin mode"},
      {{"bridge", "link", "set", "dev", port, "isolated", "off"},
       {"bridge", "link", "set", "dev", port, "isolated", "on"},
       "is not isolated"},
      {{"ip", "link", "set", port, "nomaster"},
       {"ip", "link", "set", port, "master", "br0"},
       "is not a port of br0"},
      {{"bridge", "link", "set", "dev", port, "hairpin", "on", "isolated", "on"}, {}, ""},
      {{"ip", "addr", "del", "10.22.0.1/24", "dev", "br0"},
       {"ip", "addr", "add", "10.22.0.1/24", "dev", "br0"},
       "lacks the gateway address"},
      {{"nft", "flush", "set", "inet", "linnet", "masq_10.22.0.0_24"}, {}, "is not masqueraded"},
  };
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.command.back());
    must_run(damage.command);
    const std::string message = check_message(conf, result);
    if (damage.message.empty()) {
      EXPECT_EQ(message, "");
    } else {
      EXPECT_THAT(message, HasSubstr(damage.message));
    }
    if (!damage.repair.empty()) {
      must_run(damage.repair);
    }
  }
  del(conf, "c1", result);
  EXPECT_NE(check_message(conf, result), "");
}

TEST_F(BridgeLifecycle, CheckNamesLinksThatAreDownGoneOrOthers) {
  const Json conf = with(masquerading(bridge_conf()), {{"macspoofchk", true}, {"mtu", 1400}});
  const Json result = add(conf);
  const std::string port = result["interfaces"][1]["name"];
  const std::vector<std::pair<std::vector<std::string>, std::string>> changes = {
      {{"sysctl", "-qw", "net.ipv4.ip_forward=0"}, "sysctl net/ipv4/ip_forward is 0"},
      {{"nft", "flush", "set", "bridge", "linnet", "guarded_ports"},
       "the MAC address of " + port + " is not checked"},
      {{"ip", "link", "set", port, "address", "02:00:00:00:00:07"},
       port + " has MAC address 02:00:00:00:00:07, not "},
      {{"ip", "link", "set", port, "down"}, port + " is down"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "address", "02:00:00:00:00:08"},
       "eth0 has MAC address 02:00:00:00:00:08, not "},
      {{"ip", "-n", "c1", "link", "set", "eth0", "down"}, "eth0 is down"},
      {{"ip", "link", "set", "br0", "mtu", "1300"}, "br0 has MTU 1300, not 1400"},
      {{"ip", "link", "set", "br0", "address", "02:00:00:00:00:09"},
       "br0 has MAC address 02:00:00:00:00:09, not "},
      {{"ip", "link", "set", "br0", "down"}, "br0 is down"},
      {{"ip", "link", "set", port, "netns", "c2"}, "the host's end of eth0 is gone"},
      {{"ip", "link", "delete", "br0"}, "br0 does not exist"},
      {{"ip", "link", "add", "br0", "type", "veth", "peer", "name", "other"},
       "br0 is not a bridge"},
      {{"ip", "-n", "c1", "link", "delete", "eth0"}, "eth0 is not in the container"},
      {{"ip", "-n", "c1", "link", "add", "eth0", "type", "bridge"}, "eth0 is not a veth"},
      {{"ip", "netns", "delete", "c1"},
       "CNI_NETNS: there is no network namespace at /run/netns/c1"}};
  for (const auto& [command, words] : changes) {
    must_run(command);
    EXPECT_THAT(check_message(conf, result), HasSubstr(words));
  }
}

TEST_F(BridgeLifecycle, CheckNamesAPortThatLeadsElsewhere) {
  const Json result = add(bridge_conf());
  const std::string port = result["interfaces"][1]["name"];
  must_run({"ip", "link", "delete", port});
  must_run({"ip", "link", "add", port, "type", "veth", "peer", "name", "other"});
  must_run({"ip", "-n", "c1", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9"});
  EXPECT_THAT(check_message(bridge_conf(), result), HasSubstr(port + " is not the peer of eth0"));
}

TEST_F(BridgeLifecycle, APortsNameThatSomethingElseHasIsRefusedAndStays) {
  const std::string port = add(bridge_conf())["interfaces"][1]["name"];
  del(bridge_conf());
  must_run({"ip", "link", "add", port, "type", "bridge"});
  const std::string before = world();
  const ProgramOutput output = call({.verb = "ADD", .conf = bridge_conf()});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_EQ(output.json()["code"], 999);
  EXPECT_EQ(output.json()["msg"], "the host already has a link named " + port +
                                      " that belongs to something else: remove it");
  EXPECT_EQ(world(), before);
  EXPECT_EQ(ip("c1", {"link", "show"}).size(), 1U);
}

TEST_F(BridgeLifecycle, CheckNamesAnInterfaceThatShouldBeDownAndABridgeThatHearsTooLittle) {
  const Json conf =
      with(layer2_conf(), {{"disableContainerInterface", true}, {"promiscMode", true}});
  const Json result = add(conf);
  EXPECT_EQ(check_message(conf, result), "");
  must_run({"ip", "-n", "c1", "link", "set", "eth0", "up"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("eth0 is up"));
  must_run({"ip", "link", "set", "br0", "promisc", "off"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("br0 is not in promiscuous mode"));
  // Flags that nobody asked for.
  const std::string port = result["interfaces"][1]["name"];
  must_run({"bridge", "link", "set", "dev", port, "hairpin", "on", "isolated", "on"});
  EXPECT_THAT(check_message(conf, result), HasSubstr(port + " has hairpin mode"));
  EXPECT_THAT(check_message(conf, result), HasSubstr(port + " is isolated"));
}

TEST_F(BridgeLifecycle, GcRemovesWhatIsNotValidAndNothingElse) {
  const Json conf = with(masquerading(bridge_conf()), {{"macspoofchk", true}});
  const Json other = with(conf, {{"name", "net2"},
                                 {"bridge", "br1"},
                                 {"ipam", {{"type", "host-local"}, {"subnet", "10.33.0.0/24"}}}});
  make_container("c3");
  static_cast<void>(add(conf, "c1"));
  const std::string kept = world();
  static_cast<void>(add(conf, "c2"));
  static_cast<void>(add(other, "c3"));
  Json gc = conf;
  gc["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  const ProgramOutput output = call({.verb = "GC", .conf = gc});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_EQ(ip("c2", {"link", "show", "eth0"}).size(), 0U);
  EXPECT_EQ(ip("c3", {"link", "show", "eth0"}).size(), 1U);
  EXPECT_TRUE(ping("", "10.22.0.2"));
  EXPECT_TRUE(ping("", "10.33.0.2"));
  del(other, "c3");
  must_run({"ip", "link", "delete", "br1"});
  const ProgramOutput again = call({.verb = "GC", .conf = gc});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists("/var/lib/cni/networks/net1/10.22.0.2"));
  EXPECT_FALSE(std::filesystem::exists("/var/lib/cni/networks/net1/10.22.0.3"));
}

TEST_F(BridgeLifecycle, StatusTellsWhenAnAddWouldFail) {
  const Json checked = with(masquerading(bridge_conf()), {{"macspoofchk", true}});
  EXPECT_EQ(call({.verb = "STATUS", .conf = checked}).standard_output, "");
  must_run({"ip", "link", "add", "taken", "type", "veth", "peer", "name", "other"});
  const ProgramOutput taken =
      call({.verb = "STATUS", .conf = with(bridge_conf(), {{"bridge", "taken"}})});
  EXPECT_EQ(taken.json()["code"], 50);

  Json tiny = bridge_conf();
  tiny["ipam"]["ranges"][0][0] = {{"subnet", "10.22.0.0/30"}};
  EXPECT_EQ(call({.verb = "STATUS", .conf = tiny}).exit_code, 0);
  static_cast<void>(add(tiny));
  const ProgramOutput full = call({.verb = "STATUS", .conf = tiny});
  EXPECT_EQ(full.json()["code"], 50);
  EXPECT_THAT(full.json()["msg"].get<std::string>(), HasSubstr("10.22.0"));
}

TEST_F(BridgeLifecycle, AnExhaustedPoolLeavesNothingBehind) {
  Json conf = masquerading(bridge_conf());
  conf["ipam"]["ranges"][0][0] = {{"subnet", "10.22.0.0/30"}};
  static_cast<void>(add(conf, "c2"));
  const std::string before = world();
  EXPECT_EQ(call({.verb = "ADD", .conf = conf}).exit_code, 1);
  EXPECT_EQ(world(), before);
}

TEST_F(BridgeLifecycle, AFailingIpamPluginLeavesNothingBehindAndGetsDel) {
  const PluginFolder folder;
  const std::vector<Json> answers = {
      {{"ADD", {{"exit", 1}, {"stdout", {{"code", 11}, {"msg", "later"}}}}}},
      {{"ADD", {{"exit", 0}, {"stdout", "no json"}}}},
      {{"ADD", {{"stdout", {{"cniVersion", "1.1.0"}}}}}},
      {{"ADD", {{"stdout", {{"cniVersion", "1.1.0"}, {"ips", {{{"address", "10.22.0.2/33"}}}}}}}}},
      {{"ADD", {{"signal", 9}}}}};
  const Json conf = masquerading(bridge_conf());
  const std::string before = world_with_shared_things(conf);
  plugin_path_ = plugin_path_ + ":" + folder.path();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string type = "ipam" + std::to_string(i);
    folder.add(type, answers[i]);
    Json failing = conf;
    failing["ipam"]["type"] = type;
    const ProgramOutput output = call({.verb = "ADD", .conf = failing});
    EXPECT_EQ(output.exit_code, 1) << type;
    EXPECT_EQ(output.json().contains("msg"), true) << output.standard_output;
    EXPECT_EQ(world(), before) << type;
    EXPECT_EQ(folder.call_names().back(), type + " DEL");
  }
}

TEST_F(BridgeLifecycle, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  const Json conf = with(masquerading(dual_stack_conf()), {{"macspoofchk", true}});
  static_cast<void>(world_with_shared_things(conf));
  fail_each_step_of_add(conf, world);
}

TEST_F(BridgeLifecycle, TwoHundredAddsBySixteenProcessesGiveTwoHundredAddresses) {
  constexpr int kContainers = 200;
  constexpr int kWorkers = 16;
  const Json conf = masquerading(bridge_conf());
  for (int i = 0; i < kContainers; ++i) {
    make_container("p" + std::to_string(i));
  }
  const auto in_parallel = [&](const auto& each) {
    std::vector<std::thread> workers;
    for (int worker = 0; worker < kWorkers; ++worker) {
      workers.emplace_back([&, worker] {
        for (int i = worker; i < kContainers; i += kWorkers) {
          each(i);
        }
      });
    }
    for (std::thread& worker : workers) {
      worker.join();
    }
  };
  std::vector<ProgramOutput> added(kContainers);
  in_parallel([&](int i) {
    added[static_cast<std::size_t>(i)] =
        call({.verb = "ADD", .container = "p" + std::to_string(i), .conf = conf});
  });
  std::set<std::string> addresses;
  for (const ProgramOutput& output : added) {
    ASSERT_EQ(output.exit_code, 0) << output.standard_output << output.standard_error;
    addresses.insert(output.json()["ips"][0]["address"].get<std::string>());
  }
  EXPECT_EQ(addresses.size(), static_cast<std::size_t>(kContainers));
  EXPECT_TRUE(ping("p0", "10.22.0.1"));
  std::vector<ProgramOutput> deleted(kContainers);
  in_parallel([&](int i) {
    deleted[static_cast<std::size_t>(i)] =
        call({.verb = "DEL", .container = "p" + std::to_string(i), .conf = conf});
  });
  for (const ProgramOutput& output : deleted) {
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  }
  EXPECT_THAT(world(), testing::Not(HasSubstr("veth")));
  EXPECT_THAT(world(), testing::Not(HasSubstr("file ")));
  for (int i = 0; i < kContainers; ++i) {
    remove_container("p" + std::to_string(i));
  }
}

TEST_F(BridgeLifecycle, SaysThatABridgeHasAllThePortsThereCanBe) {
  must_run({"sh", "-c",
            "ip link add br0 type bridge && for i in $(seq 512); do"
            " echo link add p$i master br0 type veth peer name q$i;"
            " echo link set q$i master br0; done | ip -force -batch - 2>/dev/null;"
            " ip -o link show master br0 | wc -l | grep -qx 1023"});
  const ProgramOutput output = call({.verb = "ADD", .conf = bridge_conf()});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.json()["msg"].get<std::string>(),
              HasSubstr("bridge br0 has as many ports as the kernel allows"));
  EXPECT_EQ(ip("", {"link", "show", "type", "veth"}).size(), 1024U);
  EXPECT_EQ(ip("c1", {"link", "show"}).size(), 1U);
}

}  // namespace
}  // namespace linnet::test
