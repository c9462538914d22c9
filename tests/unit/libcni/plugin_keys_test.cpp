#include "libcni/plugin_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/trace.h"

namespace linnet::cni {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(PluginKeys, AreKnownForEveryPluginWithKeysOfItsOwn) {
  for (const char* type :
       {"bridge", "ptp", "macvlan", "ipvlan", "vlan", "host-device", "tap", "vrf", "sbr", "tuning",
        "portmap", "firewall", "bandwidth", "host-local", "static", "dhcp"}) {
    EXPECT_FALSE(known_keys(type).empty()) << type;
  }
  EXPECT_THAT(known_keys("host-local"), Contains("exclude"));
  EXPECT_TRUE(known_keys("calico").empty());
}

TEST(PluginKeys, MisspeltKeysGetASuggestionAlsoInIpam) {
  const Json conf = {
      {"type", "bridge"},      {"name", "n"},
      {"cniVersion", "1.0.0"}, {"ipmasq", true},
      {"isGatway", true},      {"ipam", {{"type", "host-local"}, {"subnets", "10.0.0.0/24"}}}};
  EXPECT_THAT(unknown_key_warnings(conf),
              ElementsAre("\"isGatway\": unknown key, did you mean \"isGateway\"?",
                          "\"ipam.subnets\": unknown key, did you mean \"subnet\"?"));
}

TEST(PluginKeys, PluginWithoutKeysOfItsOwnIsStillKnown) {
  EXPECT_THAT(unknown_key_warnings({{"type", "loopback"}, {"mtu", 1}}).size(), 1U);
  EXPECT_THAT(unknown_key_warnings({{"type", "dummy"}, {"ipam", {{"type", "static"}}}}), IsEmpty());
}

TEST(PluginKeys, SayNothingAboutPluginsNotKnown) {
  EXPECT_THAT(unknown_key_warnings({{"type", "calico"}, {"anything", 1}}), IsEmpty());
  EXPECT_THAT(unknown_key_warnings({{"type", 5}, {"anything", 1}}), IsEmpty());
  EXPECT_THAT(unknown_key_warnings({{"type", "bridge"}, {"ipam", "x"}}), IsEmpty());
  EXPECT_THAT(unknown_key_warnings(Json::array()), IsEmpty());
}

TEST(PluginKeys, WhatRealCallersSendIsKnown) {
  for (const test::RecordedCall& call : test::read_all_traces()) {
    EXPECT_THAT(unknown_key_warnings(parse_json(call.input, call.title())), IsEmpty())
        << call.title();
  }
}

}  // namespace
}  // namespace linnet::cni
