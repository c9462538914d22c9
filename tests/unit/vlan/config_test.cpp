#include "plugins/vlan/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::vlan {
namespace {

using cni::Json;

attach::ChildConfig parse(const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "vlan"}};
  conf.update(changes);
  cni::Request request;
  request.verb = cni::Verb::kAdd;
  return parse_config(request,
                      cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

TEST(VlanConfig, ReadsEveryKey) {
  const attach::ChildConfig config = parse({{"master", "eth1"},
                                            {"vlanId", 4094},
                                            {"mtu", 1400},
                                            {"linkInContainer", true},
                                            {"enabledad", true}});
  EXPECT_EQ(std::get<netlink::TaggedVlan>(config.driver).id, 4094);
  EXPECT_EQ(config.uplink.master, "eth1");
  EXPECT_EQ(config.uplink.mtu, 1400U);
  EXPECT_TRUE(config.uplink.in_container && config.enable_dad);
  EXPECT_FALSE(config.host_access);
  EXPECT_EQ(attach::kind_of(config.driver), "vlan");
  EXPECT_EQ(attach::setting_text(config.driver), "VLAN 4094");
  EXPECT_EQ(std::get<netlink::TaggedVlan>(parse({{"master", "eth1"}, {"vlanId", 0}}).driver).id, 0);
}

TEST(VlanConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    Json conf = {{"master", "eth1"}, {"vlanId", 5}};
    conf.update(changes);
    test::expect_error(cni::Code::kInvalidNetworkConfig, text,
                       [&] { static_cast<void>(parse(conf)); });
  };
  refuses({{"vlanId", nullptr}}, "\"vlanId\": missing");
  refuses({{"vlanId", 4095}}, "\"vlanId\": expected an integer from 0 to 4094, got 4095");
  refuses({{"vlanId", -1}}, "\"vlanId\"");
  refuses({{"vlanId", "5"}}, "\"vlanId\"");
  refuses({{"master", ""}}, "\"master\": missing");
  refuses({{"mtu", -1}}, "\"mtu\"");
  refuses({{"hostAccess", true}}, "the container's alone");
  refuses({{"cniVersion", "0.2.0"}}, "has no result without an address");
}

}  // namespace
}  // namespace linnet::vlan
