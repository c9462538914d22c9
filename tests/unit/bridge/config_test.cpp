#include "plugins/bridge/config.h"

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::bridge {
namespace {

using cni::Json;
using test::expect_error;

constexpr auto kConfigCode = cni::Code::kInvalidNetworkConfig;

Config parse(const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "bridge"}};
  conf.update(changes);
  const cni::NetConf net_conf =
      cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions);
  return parse_config({}, net_conf);
}

TEST(BridgeConfig, HasTheReferencesDefaults) {
  const Config config = parse(Json::object());
  EXPECT_EQ(config.bridge, "cni0");
  EXPECT_FALSE(config.is_gateway || config.ip_masq || config.hairpin || config.promiscuous);
  EXPECT_EQ(config.mtu, 0U);
  EXPECT_FALSE(config.uses_vlans());
  EXPECT_FALSE(config.preserve_default_vlan);
}

TEST(BridgeConfig, DefaultGatewayImpliesGateway) {
  EXPECT_TRUE(parse({{"isDefaultGateway", true}}).is_gateway);
}

TEST(BridgeConfig, MergesAndSortsTheTrunk) {
  const Config config = parse({{"vlanTrunk",
                                {{{"id", 300}},
                                 {{"minID", 10}, {"maxID", 20}},
                                 {{"minID", 15}, {"maxID", 30}},
                                 {{"id", 31}}}}});
  ASSERT_EQ(config.trunk.size(), 2U);
  EXPECT_EQ(config.trunk[0].first, 10);
  EXPECT_EQ(config.trunk[0].last, 31);
  EXPECT_EQ(config.trunk[1].first, 300);
}

TEST(BridgeConfig, PlansTheAccessVlanUntaggedAndTheTrunkTagged) {
  const auto vlans = plan_vlans(parse({{"vlan", 100}, {"vlanTrunk", {{{"id", 200}}}}}));
  ASSERT_EQ(vlans.size(), 2U);
  EXPECT_TRUE(vlans[0].pvid && vlans[0].untagged && vlans[0].first == 100);
  EXPECT_FALSE(vlans[1].pvid || vlans[1].untagged);
}

TEST(BridgeConfig, PlansVlan1ForATrunkWithoutAccessVlan) {
  const auto vlans = plan_vlans(parse({{"vlanTrunk", {{{"id", 200}}}}}));
  ASSERT_EQ(vlans.size(), 2U);
  EXPECT_TRUE(vlans[0].pvid && vlans[0].first == 1);
}

TEST(BridgeConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    expect_error(kConfigCode, text, [&] { parse(changes); });
  };
  refuses({{"mtu", -1}}, "\"mtu\"");
  refuses({{"mtu", "1500"}}, "\"mtu\"");
  refuses({{"mtu", 70000}}, "70000");
  refuses({{"vlan", 4095}}, "\"vlan\"");
  refuses({{"vlanTrunk", {{{"minID", 5}}}}}, "vlanTrunk[0].maxID");
  refuses({{"vlanTrunk", {{{"minID", 9}, {"maxID", 5}}}}}, "vlanTrunk[0].minID");
  refuses({{"vlanTrunk", {{{"id", 0}}}}}, "vlanTrunk[0].id");
  refuses({{"vlanTrunk", {Json::object()}}}, "give either id");
  refuses({{"vlan", 7}, {"vlanTrunk", {{{"minID", 5}, {"maxID", 9}}}}}, "holds VLAN 7");
  refuses({{"bridge", "a name"}}, "\"bridge\"");
  refuses({{"bridge", "../../x"}}, "\"bridge\"");
  refuses({{"bridge", "sixteen-letters-"}}, "\"bridge\"");
  refuses({{"isGateway", "yes"}}, "\"isGateway\"");
  refuses({{"ipMasqBackend", "ipfw"}}, "\"ipfw\"");
  refuses({{"hairpinMode", true}, {"promiscMode", true}},
          "cannot set hairpin mode and promiscuous mode at the same time");
  refuses({{"disableContainerInterface", true}, {"ipam", {{"type", "host-local"}}}},
          "cannot use IPAM when DisableContainerInterface flag is set");
  refuses({{"cniVersion", "0.2.0"}}, "has no result without an address");
  refuses({{"bridge", "twelve-bytes"}, {"vlan", 100}, {"isGateway", true}}, "shorten");
}

}  // namespace
}  // namespace linnet::bridge
