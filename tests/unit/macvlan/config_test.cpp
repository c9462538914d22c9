#include "plugins/macvlan/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::macvlan {
namespace {

using cni::Json;
using netlink::Macvlan;
using test::expect_error;

constexpr auto kConfigCode = cni::Code::kInvalidNetworkConfig;

attach::ChildConfig parse(const Json& changes, const std::string& args = {}) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "macvlan"}};
  conf.update(changes);
  cni::Request request;
  request.verb = cni::Verb::kAdd;
  request.args = args;
  return parse_config(request,
                      cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

Macvlan driver_of(const attach::ChildConfig& config) { return std::get<Macvlan>(config.driver); }

TEST(MacvlanConfig, HasTheReferencesDefaults) {
  const attach::ChildConfig config = parse(Json::object());
  EXPECT_EQ(driver_of(config).mode, Macvlan::Mode::kBridge);
  EXPECT_EQ(driver_of(config).broadcast_queue_length, 0U);
  EXPECT_EQ(config.uplink.master, "");
  EXPECT_EQ(config.uplink.mtu, 0U);
  EXPECT_FALSE(config.uplink.in_container || config.enable_dad || config.host_access);
  EXPECT_FALSE(config.mac);
  EXPECT_EQ(driver_of(parse({{"mode", ""}})).mode, Macvlan::Mode::kBridge);
}

TEST(MacvlanConfig, ReadsEveryKey) {
  const attach::ChildConfig config = parse({{"master", "eth1"},
                                            {"mode", "vepa"},
                                            {"mtu", 1400},
                                            {"bcqueuelen", 4294967295U},
                                            {"enabledad", true},
                                            {"hostAccess", true}});
  EXPECT_EQ(driver_of(config).mode, Macvlan::Mode::kVepa);
  EXPECT_EQ(driver_of(config).broadcast_queue_length, 4294967295U);
  EXPECT_EQ(config.uplink.master, "eth1");
  EXPECT_EQ(config.uplink.mtu, 1400U);
  EXPECT_TRUE(config.enable_dad && config.host_access);
  EXPECT_TRUE(parse({{"linkInContainer", true}}).uplink.in_container);
  EXPECT_EQ(driver_of(parse({{"mode", "private"}})).mode, Macvlan::Mode::kPrivate);
  EXPECT_EQ(driver_of(parse({{"mode", "passthru"}})).mode, Macvlan::Mode::kPassthru);
  const Macvlan source =
      driver_of(parse({{"mode", "source"}, {"sourceMacs", {"02:00:00:00:00:07"}}}));
  EXPECT_EQ(source.mode, Macvlan::Mode::kSource);
  ASSERT_EQ(source.sources.size(), 1U);
  EXPECT_EQ(source.sources[0].text(), "02:00:00:00:00:07");
}

TEST(MacvlanConfig, TakesTheMacFromEachOfItsSourcesByPrecedence) {
  const auto mac = [](const Json& changes, const std::string& args) {
    return parse(changes, args).mac.value_or(MacAddress()).text();
  };
  Json conf = {{"mac", "02:00:00:00:00:01"}};
  EXPECT_EQ(mac(conf, ""), "02:00:00:00:00:01");
  EXPECT_EQ(mac(conf, "MAC=02:00:00:00:00:02"), "02:00:00:00:00:02");
  conf["args"]["cni"]["mac"] = "02:00:00:00:00:03";
  EXPECT_EQ(mac(conf, "MAC=02:00:00:00:00:02"), "02:00:00:00:00:03");
  conf["runtimeConfig"]["mac"] = "02:00:00:00:00:04";
  EXPECT_EQ(mac(conf, "MAC=02:00:00:00:00:02"), "02:00:00:00:00:04");
}

TEST(MacvlanConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    expect_error(kConfigCode, text, [&] { static_cast<void>(parse(changes)); });
  };
  refuses({{"mode", "l2"}}, "unknown macvlan mode: \"l2\"");
  refuses({{"mode", 7}}, "\"mode\"");
  refuses({{"mtu", -1}}, "\"mtu\"");
  refuses({{"mtu", 65536}}, "65536");
  refuses({{"master", "../../proc"}}, "\"master\"");
  refuses({{"master", "sixteen-letters-"}}, "\"master\"");
  refuses({{"bcqueuelen", -1}}, "\"bcqueuelen\"");
  refuses({{"bcqueuelen", 4294967296}}, "\"bcqueuelen\"");
  refuses({{"mac", "01:00:5e:00:00:01"}}, "no unicast Ethernet address");
  refuses({{"mac", "hello"}}, "\"mac\": \"hello\"");
  refuses({{"mode", "source"}}, "\"sourceMacs\": missing");
  refuses({{"mode", "source"}, {"sourceMacs", {"x"}}}, "\"sourceMacs\": \"x\"");
  refuses({{"sourceMacs", {"02:00:00:00:00:07"}}}, "only mode \"source\"");
  refuses({{"linkInContainer", "yes"}}, "\"linkInContainer\"");
  refuses({{"hostAccess", 1}}, "\"hostAccess\"");
  refuses({{"hostAccess", true}, {"linkInContainer", true}}, "not possible with linkInContainer");
  refuses({{"hostAccess", true}, {"mode", "passthru"}}, "for itself");
  refuses({{"hostAccess", true}, {"mode", "private"}}, "use \"bridge\"");
  refuses({{"hostAccess", true}, {"mode", "source"}, {"sourceMacs", {"02:00:00:00:00:07"}}},
          "use \"bridge\"");
  refuses({{"cniVersion", "0.2.0"}}, "has no result without an address");
}

}  // namespace
}  // namespace linnet::macvlan
