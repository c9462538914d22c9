// static, alone and as the IPAM plugin of bridge.
#include <gmock/gmock.h>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

Json static_conf() {
  Json conf = bridge_conf();
  conf["ipam"] = Json::parse(R"({"type": "static",
    "addresses": [{"address": "10.22.0.7/24", "gateway": "10.22.0.1"}, {"address": "fd22::7/64"}],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.99.0.0/16", "gw": "10.22.0.2"},
               {"dst": "10.99.0.0/16", "gw": "10.22.0.3"}],
    "dns": {"nameservers": ["10.22.0.1"]}})");
  return conf;
}

class Static : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
    }
  }
  [[nodiscard]] ProgramOutput alone(const std::string& verb, const Json& conf,
                                    const std::string& args = {}) const {
    return call({.verb = verb, .conf = conf, .plugin = "static", .args = args});
  }
};

TEST_F(Static, SpeaksEveryVersionAlone) {
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    const ProgramOutput output = alone("ADD", with(static_conf(), {{"cniVersion", version}}));
    ASSERT_EQ(output.exit_code, 0) << output.standard_output;
    const Json result = output.json();
    EXPECT_EQ(result["cniVersion"], version);
    const bool old = std::string(version) < "0.3.0";
    EXPECT_EQ(old ? result["ip4"]["ip"] : result["ips"][0]["address"], "10.22.0.7/24") << version;
    EXPECT_EQ(old ? result["ip4"]["gateway"] : result["ips"][0]["gateway"], "10.22.0.1");
    EXPECT_EQ(result["dns"]["nameservers"][0], "10.22.0.1");
  }
}

TEST_F(Static, GivesABridgeItsAddressesAndBothRoutesToOneDestination) {
  const std::string before = world();
  const Json result = add(static_conf());
  EXPECT_TRUE(ping("", "10.22.0.7"));
  EXPECT_EQ(ip("c1", {"route", "show", "default"})[0]["gateway"], "10.22.0.1");
  // IPv4 keeps them as two routes, tried in their order.
  EXPECT_EQ(ip("c1", {"route", "show", "10.99.0.0/16"}).size(), 2U);
  Json check = static_conf();
  check["prevResult"] = result;
  EXPECT_EQ(call({.verb = "CHECK", .conf = check}).exit_code, 0);
  del(static_conf(), "c1", result);
  del(static_conf(), "c1");
  must_run({"ip", "link", "delete", "br0"});
  must_run({"sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"});
  EXPECT_EQ(world(), before);
}

TEST_F(Static, CheckNoticesAMissingAddressAndAnotherGateway) {
  Json conf = static_conf();
  conf["prevResult"] = alone("ADD", static_conf()).json();
  EXPECT_EQ(alone("CHECK", conf).exit_code, 0);
  conf["prevResult"]["ips"][0]["gateway"] = "10.22.0.9";
  EXPECT_THAT(alone("CHECK", conf).json()["msg"].get<std::string>(), HasSubstr("10.22.0.9"));
  conf["prevResult"]["ips"].erase(1);
  EXPECT_THAT(alone("CHECK", conf).json()["msg"].get<std::string>(), HasSubstr("fd22::7/64"));
}

TEST_F(Static, DelAndGcOfABrokenConfigurationAreFine) {
  Json conf = static_conf();
  conf["ipam"]["addresses"] = "nonsense";
  EXPECT_EQ(alone("DEL", conf).exit_code, 0);
  EXPECT_EQ(alone("GC", conf).exit_code, 0);
  EXPECT_EQ(alone("STATUS", conf).exit_code, 1);
  EXPECT_EQ(alone("STATUS", static_conf()).exit_code, 0);
}

TEST_F(Static, NoAddressIsAResultOnlyWhereAVersionHasOne) {
  Json conf = static_conf();
  conf["ipam"] = {{"type", "static"}};
  EXPECT_EQ(alone("ADD", conf).exit_code, 0);
  const ProgramOutput old = alone("ADD", with(conf, {{"cniVersion", "0.2.0"}}));
  EXPECT_EQ(old.exit_code, 1);
  EXPECT_EQ(old.json()["code"], 7);
  EXPECT_EQ(old.json()["msg"],
            "\"ipam.addresses\": empty, and a result of CNI version 0.2.0 needs an address: give "
            "one");
}

TEST_F(Static, AFailedAddUnderABridgeLeavesNothing) {
  must_run({"ip", "link", "add", "br0", "type", "bridge"});
  static_cast<void>(add(static_conf()));
  del(static_conf());
  const std::string before = world();
  Json conf = static_conf();
  conf["ipam"]["addresses"][0]["address"] = "10.22.0.7";
  const ProgramOutput output = call({.verb = "ADD", .conf = conf});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr("CIDR notation"));
  EXPECT_EQ(world(), before);
}

}  // namespace
}  // namespace linnet::test
