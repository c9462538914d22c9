#include "plugins/bridge/result.h"

#include <gtest/gtest.h>

namespace linnet::bridge {
namespace {

cni::Result result_of(const char* text) {
  return cni::parse_result(cni::Json::parse(text), "1.1.0", "result");
}

TEST(BridgeResult, TakesTheSubnetsFirstAddressAsGatewayWhenIpamNamesNone) {
  cni::Result result = result_of(R"({"ips": [{"address": "10.1.2.9/24"},
                                            {"address": "10.3.0.9/24", "gateway": "10.3.0.254"}]})");
  complete_addresses(result, {.is_gateway = true});
  EXPECT_EQ(result.ips[0].gateway->text(), "10.1.2.1");
  EXPECT_EQ(result.ips[1].gateway->text(), "10.3.0.254");
  EXPECT_EQ(result.ips[0].interface, kContainerInterface);
  EXPECT_EQ(gateway_addresses(result).size(), 2U);
  EXPECT_EQ(gateway_addresses(result)[1].text(), "10.3.0.254/24");
}

TEST(BridgeResult, LeavesGatewaysAloneWithoutIsGateway) {
  cni::Result result = result_of(R"({"ips": [{"address": "10.1.2.9/24"}]})");
  complete_addresses(result, {});
  EXPECT_FALSE(result.ips[0].gateway);
}

TEST(BridgeResult, AddsADefaultRouteAFamilyUnlessIpamGaveOneWithAGateway) {
  cni::Result result = result_of(R"({
    "ips": [{"address": "10.1.2.9/24"}, {"address": "fd00::9/64"}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.77"}]})");
  complete_addresses(result, {.is_gateway = true, .is_default_gateway = true});
  ASSERT_EQ(result.routes.size(), 2U);
  EXPECT_EQ(result.routes[0].gw->text(), "10.1.2.77");
  EXPECT_EQ(result.routes[1].dst.text(), "::/0");
  EXPECT_EQ(result.routes[1].gw->text(), "fd00::1");
}

}  // namespace
}  // namespace linnet::bridge
