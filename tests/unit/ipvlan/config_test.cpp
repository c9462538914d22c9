#include "plugins/ipvlan/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::ipvlan {
namespace {

using cni::Json;
using netlink::Ipvlan;
using test::expect_error;

constexpr auto kConfigCode = cni::Code::kInvalidNetworkConfig;

attach::ChildConfig parse(const Json& changes, cni::Verb verb = cni::Verb::kAdd) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "ipvlan"}};
  conf.update(changes);
  cni::Request request;
  request.verb = verb;
  return parse_config(request, cni::parse_net_conf(conf.dump(), verb, cni::kAllVersions));
}

Ipvlan driver_of(const attach::ChildConfig& config) { return std::get<Ipvlan>(config.driver); }

TEST(IpvlanConfig, HasTheReferencesDefaults) {
  const attach::ChildConfig config = parse(Json::object());
  EXPECT_EQ(driver_of(config).mode, Ipvlan::Mode::kL2);
  EXPECT_EQ(driver_of(config).flag, Ipvlan::Flag::kBridge);
  EXPECT_EQ(config.uplink.master, "");
  EXPECT_FALSE(config.uplink.in_container || config.enable_dad || config.host_access);
}

TEST(IpvlanConfig, ReadsEveryModeAndFlag) {
  EXPECT_EQ(driver_of(parse({{"mode", "l3"}})).mode, Ipvlan::Mode::kL3);
  EXPECT_EQ(driver_of(parse({{"mode", "l3s"}})).mode, Ipvlan::Mode::kL3s);
  EXPECT_EQ(driver_of(parse({{"flag", "private"}})).flag, Ipvlan::Flag::kPrivate);
  EXPECT_EQ(driver_of(parse({{"flag", "vepa"}})).flag, Ipvlan::Flag::kVepa);
}

TEST(IpvlanConfig, RoutesAreOnLinkInTheModesOfLayer3) {
  EXPECT_FALSE(attach::is_layer3(parse({{"mode", "l2"}}).driver));
  EXPECT_TRUE(attach::is_layer3(parse({{"mode", "l3"}}).driver));
  EXPECT_TRUE(attach::is_layer3(parse({{"mode", "l3s"}}).driver));
  cni::Result result =
      cni::parse_result(Json::parse(R"({"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
                      "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}]})"),
                        "1.1.0", "result");
  attach::drop_gateways(result);
  EXPECT_FALSE(result.ips[0].gateway);
  EXPECT_FALSE(result.routes[0].gw);
}

TEST(IpvlanConfig, AChainGivesTheMasterAndWithoutIpamTheAddresses) {
  const Json previous = Json::parse(R"({"cniVersion": "1.1.0",
      "interfaces": [{"name": "bond0.7"}], "ips": [{"address": "10.1.2.3/24", "interface": 0}]})");
  const attach::ChildConfig chained = parse({{"prevResult", previous}});
  EXPECT_EQ(chained.uplink.master, "bond0.7");
  ASSERT_TRUE(chained.given);
  EXPECT_EQ(chained.given->ips[0].address.text(), "10.1.2.3/24");

  const attach::ChildConfig named =
      parse({{"prevResult", previous}, {"master", "eth5"}, {"ipam", {{"type", "host-local"}}}});
  EXPECT_EQ(named.uplink.master, "eth5");
  EXPECT_FALSE(named.given);
}

TEST(IpvlanConfig, CheckDoesNotTakeItsOwnResultForTheChain) {
  const Json own = Json::parse(R"({"cniVersion": "1.1.0",
      "interfaces": [{"name": "eth0", "sandbox": "/x"}, {"name": "host1"}],
      "ips": [{"address": "10.1.2.3/24", "interface": 0}]})");
  const attach::ChildConfig config = parse({{"prevResult", own}}, cni::Verb::kCheck);
  EXPECT_EQ(config.uplink.master, "");
  EXPECT_FALSE(config.given);
}

TEST(IpvlanConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    expect_error(kConfigCode, text, [&] { static_cast<void>(parse(changes)); });
  };
  refuses({{"mode", "bridge"}}, "unknown ipvlan mode: \"bridge\"");
  refuses({{"flag", "passthru"}}, "unknown ipvlan flag: \"passthru\"");
  refuses({{"mtu", "1500"}}, "\"mtu\"");
  refuses({{"master", "a/b"}}, "\"master\"");
  refuses({{"hostAccess", true}, {"linkInContainer", true}}, "not possible with linkInContainer");
  refuses({{"hostAccess", true}, {"flag", "private"}}, "use \"bridge\"");
  refuses({{"prevResult", {{"cniVersion", "1.1.0"}}}}, "lacks a single named interface");
  refuses({{"cniVersion", "0.1.0"}}, "has no result without an address");
}

}  // namespace
}  // namespace linnet::ipvlan
