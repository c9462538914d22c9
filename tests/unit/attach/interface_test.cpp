#include "plugins/attach/interface.h"

#include <gmock/gmock.h>
#include <linux/rtnetlink.h>

namespace linnet::attach {
namespace {

cni::Result result_of(const char* text) {
  return cni::parse_result(cni::Json::parse(text), "1.1.0", "result");
}

TEST(InterfacePlan, GivesARouteWithoutGatewayTheFirstGatewayOfItsFamily) {
  const InterfacePlan plan = plan_interface(result_of(R"({
    "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"},
            {"address": "10.2.0.2/24", "gateway": "10.2.0.1"},
            {"address": "fd00::2/64", "gateway": "fd00::1"}],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.9.0.0/16", "gw": "10.2.0.9"}]})"));
  EXPECT_EQ(plan.routes[0].gateway->text(), "10.1.0.1");
  EXPECT_EQ(plan.routes[1].gateway->text(), "fd00::1");
  EXPECT_EQ(plan.routes[2].gateway->text(), "10.2.0.9");
  EXPECT_TRUE(plan.has_ipv6);
}

TEST(InterfacePlan, PutsLinkRoutesFirstSinceGatewaysMayNeedThem) {
  const InterfacePlan plan = plan_interface(result_of(R"({
    "ips": [{"address": "10.1.0.2/24"}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "192.0.2.1"}, {"dst": "192.0.2.1/32"}]})"));
  EXPECT_EQ(plan.routes[0].dst.text(), "192.0.2.1/32");
  EXPECT_FALSE(plan.routes[0].gateway);
}

TEST(InterfacePlan, MarksAGatewayOutsideEverySubnetOnLink) {
  const InterfacePlan plan = plan_interface(result_of(R"({
    "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}, {"address": "fd00::2/128"}],
    "routes": [{"dst": "10.8.0.0/16", "gw": "192.0.2.1"}, {"dst": "10.9.0.0/16"},
               {"dst": "::/0", "gw": "fe80::1"}]})"));
  EXPECT_TRUE(plan.routes[0].onlink);
  EXPECT_FALSE(plan.routes[1].onlink);
  // A link-local gateway is on the link anyway.
  EXPECT_FALSE(plan.routes[2].onlink);
}

TEST(InterfacePlan, GivesAScopeOfLinkNoGateway) {
  const InterfacePlan plan = plan_interface(result_of(R"({
    "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}],
    "routes": [{"dst": "10.9.0.0/16", "scope": 253}]})"));
  EXPECT_FALSE(plan.routes[0].gateway);
  EXPECT_EQ(plan.routes[0].scope, RT_SCOPE_LINK);
}

TEST(InterfacePlan, KeepsEveryAttributeOfARoute) {
  const InterfacePlan plan = plan_interface(result_of(R"({
    "cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}],
    "routes": [{"dst": "10.9.0.0/16", "mtu": 1300, "advmss": 1200, "priority": 7, "table": 0}]})"));
  EXPECT_EQ(plan.routes[0].mtu, 1300U);
  EXPECT_EQ(plan.routes[0].advmss, 1200U);
  EXPECT_EQ(plan.routes[0].priority, 7U);
  EXPECT_EQ(plan.routes[0].table, 0U);
}

}  // namespace
}  // namespace linnet::attach
