// sbr behind the second interface of a container.
#include <gmock/gmock.h>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

Json second_conf() {
  return Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net2", "type": "bridge", "bridge": "br1", "isGateway": true,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.29.0.0/24"}], [{"subnet": "fd29::/64"}]],
             "routes": [{"dst": "10.30.0.0/16"}, {"dst": "fd30::/64"}]}})");
}

// eth0 with the default route, eth1 of another network; both answer to an outside that the host routes to.
class Sbr : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    make_outside();
    must_run({"ip", "-n", "outside", "route", "add", "default", "via", "192.0.2.1"});
    must_run({"ip", "-n", "outside", "route", "add", "default", "via", "2001:db8::1"});
    static_cast<void>(add(dual_stack_conf()));
    const ProgramOutput output = call({.verb = "ADD", .conf = second_conf(), .ifname = "eth1"});
    second_ = output.json();
    wait_for_the_outside();
  }

  [[nodiscard]] Json conf(const Json& changes = Json::object()) const {
    Json conf = {{"cniVersion", "1.1.0"}, {"name", "net2"}, {"type", "sbr"}};
    conf["prevResult"] = second_;
    return with(std::move(conf), changes);
  }
  [[nodiscard]] ProgramOutput call_eth1(const char* verb, const Json& conf) const {
    return call({.verb = verb, .conf = conf, .ifname = "eth1"});
  }
  void must_add(const Json& conf) const {
    const ProgramOutput output = call_eth1("ADD", conf);
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    EXPECT_EQ(output.json(), second_);
  }
  [[nodiscard]] std::string check(const Json& conf) const {
    const ProgramOutput output = call_eth1("CHECK", conf);
    return output.exit_code == 0 ? "" : output.json()["msg"].get<std::string>();
  }
  static std::string inside(std::vector<std::string> command) {
    command.insert(command.begin(), {"ip", "-n", "c1"});
    return must_run(command);
  }
  // Rules and routes of the container.
  [[nodiscard]] static std::string routing() {
    std::string text;
    for (const char* family : {"-4", "-6"}) {
      text += must_run({"ip", "-n", "c1", family, "rule", "show"});
      for (const Json& route : ip("c1", {family, "route", "show", "table", "all"})) {
        // Multicast and what duplicate detection adds come and go by themselves.
        if (route.value("type", "unicast") == "unicast" &&
            !route["dst"].get<std::string>().starts_with("fe80")) {
          text += route["dst"].dump() + route.value("gateway", "") + route["dev"].dump() +
                  route.value("table", "main") + "\n";
        }
      }
    }
    return text;
  }
  [[nodiscard]] static long sent(const std::string& link) {
    const Json found = Json::parse(must_run({"ip", "-j", "-s", "-n", "c1", "link", "show", link}));
    return found[0]["stats64"]["tx"]["packets"];
  }

  Json second_;
};

TEST_F(Sbr, AnswersLeaveThroughTheInterfaceThatWasAsked) {
  EXPECT_THAT(inside({"route", "get", "192.0.2.9", "from", "10.29.0.2"}), HasSubstr("dev eth0"));
  must_add(conf());
  EXPECT_THAT(inside({"route", "get", "192.0.2.9", "from", "10.29.0.2"}),
              HasSubstr("via 10.29.0.1 dev eth1"));
  EXPECT_THAT(inside({"-6", "route", "get", "2001:db8::9", "from", "fd29::2"}),
              HasSubstr("via fd29::1 dev eth1"));
  const long before = sent("eth1");
  must_run({"ip", "netns", "exec", "outside", "ping", "-nc5", "-i0.01", "-W1", "10.29.0.2"});
  EXPECT_GE(sent("eth1") - before, 5);
  bool answered = false;
  for (int i = 0; i < 5 && !answered; ++i) {
    answered = ping("outside", "fd29::2");
  }
  EXPECT_TRUE(answered);
  EXPECT_TRUE(ping("outside", "10.22.0.2"));
}

TEST_F(Sbr, TheRoutesOfTheInterfaceAreInItsTablesAlone) {
  must_add(conf());
  EXPECT_EQ(inside({"rule", "show", "from", "10.29.0.2"}), "32765:\tfrom 10.29.0.2 lookup 100\n");
  EXPECT_EQ(inside({"-6", "rule", "show", "from", "fd29::2"}), "32765:\tfrom fd29::2 lookup 101\n");
  const std::string four = inside({"route", "show", "table", "100"});
  EXPECT_THAT(four, HasSubstr("default via 10.29.0.1 dev eth1"));
  EXPECT_THAT(four, HasSubstr("10.29.0.0/24 dev eth1"));
  EXPECT_THAT(four, HasSubstr("10.30.0.0/16 via 10.29.0.1 dev eth1"));
  const std::string six = inside({"-6", "route", "show", "table", "101"});
  EXPECT_THAT(six, HasSubstr("default via fd29::1 dev eth1"));
  EXPECT_THAT(six, HasSubstr("fd30::/64 via fd29::1 dev eth1"));
  EXPECT_EQ(inside({"route", "show", "table", "main", "dev", "eth1"}), "");
  EXPECT_THAT(inside({"-6", "route", "show", "table", "main", "dev", "eth1"}),
              Not(HasSubstr("fd")));
  EXPECT_EQ(check(conf()), "");
}

TEST_F(Sbr, SourceHintsKeepTheSubnetInTheMainTable) {
  must_add(conf({{"addSourceHints", true}}));
  EXPECT_THAT(inside({"route", "show", "table", "main", "dev", "eth1"}),
              HasSubstr("10.29.0.0/24 proto kernel scope link src 10.29.0.2"));
  EXPECT_THAT(inside({"-6", "route", "show", "table", "main", "dev", "eth1"}),
              HasSubstr("fd29::/64 proto kernel src fd29::2"));
  EXPECT_THAT(inside({"route", "show", "table", "main"}), Not(HasSubstr("10.30.0.0/16")));
  EXPECT_EQ(check(conf({{"addSourceHints", true}})), "");
}

TEST_F(Sbr, ATableOfSomebodyElseGetsRulesAndNothingElse) {
  inside({"route", "add", "default", "via", "10.29.0.1", "dev", "eth1", "table", "500"});
  const std::string main = inside({"route", "show", "table", "main"});
  must_add(conf({{"table", 500}}));
  EXPECT_EQ(inside({"rule", "show", "from", "10.29.0.2"}), "32765:\tfrom 10.29.0.2 lookup 500\n");
  EXPECT_EQ(inside({"route", "show", "table", "main"}), main);
  EXPECT_EQ(check(conf({{"table", 500}})), "");
  EXPECT_THAT(check(conf({{"table", 501}})), HasSubstr("looks up table 500, not 501"));
  EXPECT_EQ(call_eth1("DEL", conf({{"table", 500}})).exit_code, 0);
  EXPECT_EQ(inside({"rule", "show", "from", "10.29.0.2"}), "");
  EXPECT_THAT(inside({"route", "show", "table", "500"}), HasSubstr("default"));
}

TEST_F(Sbr, ConfiguredGatewaysAndFreeTablesAreTaken) {
  inside({"route", "add", "203.0.113.0/24", "dev", "eth0", "table", "100"});
  inside({"rule", "add", "from", "203.0.113.7", "lookup", "101"});
  must_add(conf({{"gateways", {"10.29.0.9", "fd29::9"}}}));
  EXPECT_THAT(inside({"route", "show", "table", "102"}), HasSubstr("default via 10.29.0.9"));
  EXPECT_THAT(inside({"-6", "route", "show", "table", "103"}), HasSubstr("default via fd29::9"));
}

TEST_F(Sbr, DelRemovesRulesAndTablesAndToleratesWhatIsGone) {
  must_add(conf());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(call_eth1("DEL", conf()).exit_code, 0);
    EXPECT_EQ(inside({"rule", "show", "from", "10.29.0.2"}), "");
    EXPECT_EQ(inside({"-6", "rule", "show", "from", "fd29::2"}), "");
    EXPECT_THAT(inside({"route", "show", "table", "all"}), Not(HasSubstr("table 10")));
  }
  must_add(conf());
  // By the addresses that the interface has.
  Json without = conf();
  without.erase("prevResult");
  EXPECT_EQ(call_eth1("DEL", without).exit_code, 0);
  EXPECT_EQ(inside({"rule", "show", "from", "10.29.0.2"}), "");
  // By those that prevResult says it had.
  must_add(conf());
  inside({"link", "delete", "eth1"});
  EXPECT_EQ(call_eth1("DEL", conf()).exit_code, 0);
  EXPECT_EQ(inside({"rule", "show", "from", "10.29.0.2"}), "");
  remove_container("c1");
  EXPECT_EQ(call_eth1("DEL", conf()).exit_code, 0);
}

TEST_F(Sbr, AnAddThatFailsChangesNothing) {
  const std::string before = routing();
  const auto refuses = [&](const Json& conf, const std::string& words) {
    const ProgramOutput output = call_eth1("ADD", conf);
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_THAT(output.standard_output, HasSubstr(words));
    EXPECT_EQ(routing(), before);
  };
  Json unchained = conf();
  unchained.erase("prevResult");
  refuses(unchained, "must be called as chained plugin");
  Json addressless = conf();
  addressless["prevResult"]["ips"] = Json::array();
  refuses(addressless, "got no container IPs");
  // The kernel refuses a gateway that is the interface's own address, after other routes are there.
  refuses(conf({{"gateways", {"fd29::2"}}}), "via fd29::2");
  for (int nth = 1; nth <= 12 && has_program("strace"); ++nth) {
    const ProgramOutput output =
        call({.verb = "ADD",
              .conf = conf(),
              .ifname = "eth1",
              .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
              .wrapper = {"strace", "-o", "/run/trace", "-e",
                          "inject=recvmmsg:error=EIO:when=" + std::to_string(nth)}});
    if (output.exit_code == 0) {
      EXPECT_GT(nth, 4);
      break;
    }
    EXPECT_EQ(routing(), before) << nth;
  }
}

TEST_F(Sbr, CheckNamesEachDrift) {
  must_add(conf());
  inside({"route", "delete", "default", "table", "100"});
  EXPECT_THAT(check(conf()),
              HasSubstr("table 100 for what comes from 10.29.0.2 lacks the default"));
  inside({"rule", "delete", "from", "10.29.0.2"});
  EXPECT_THAT(check(conf()), HasSubstr("there is no rule for what comes from 10.29.0.2"));
  inside({"link", "delete", "eth1"});
  EXPECT_THAT(check(conf()), HasSubstr("eth1 is not in the container"));
}

TEST_F(Sbr, TheInterfacesPluginStillRecognisesItsRoutes) {
  must_add(conf());
  Json of_bridge = second_conf();
  of_bridge["prevResult"] = second_;
  EXPECT_EQ(check(of_bridge), "");
}

TEST_F(Sbr, StatusAndGcAnswer) {
  EXPECT_EQ(call_eth1("STATUS", conf()).exit_code, 0);
  EXPECT_EQ(call_eth1("STATUS", conf({{"gateways", {"x"}}})).json()["code"], 7);
  EXPECT_EQ(call_eth1("GC", conf({{"cni.dev/valid-attachments", Json::array()}})).exit_code, 0);
}

}  // namespace
}  // namespace linnet::test
