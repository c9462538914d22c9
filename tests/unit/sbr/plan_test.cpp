#include "plugins/meta/sbr/plan.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

namespace linnet::sbr {
namespace {

using netlink::Route;

Cidr cidr(const char* text) { return Cidr::parse(text).value(); }
IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

std::vector<cni::IpConfig> two_ips() {
  return {{.address = cidr("10.1.0.2/24"), .gateway = address("10.1.0.1")},
          {.address = cidr("fd01::2/64"), .gateway = std::nullopt}};
}

std::vector<Route> main_routes() {
  return {{.dst = cidr("0.0.0.0/0"), .gateway = address("10.1.0.1")},
          {.dst = cidr("10.1.0.0/24"), .source = address("10.1.0.2"), .scope = RT_SCOPE_LINK},
          {.dst = cidr("10.9.0.0/16"), .gateway = address("10.1.0.7")},
          {.dst = cidr("10.8.0.0/16"), .gateway = address("172.16.0.1"), .onlink = true},
          {.dst = cidr("fd01::/64")},
          {.dst = cidr("fe80::/64")}};
}

std::vector<std::string> texts(const std::vector<Route>& routes) {
  std::vector<std::string> found;
  for (const Route& route : routes) {
    found.push_back(route.dst.text() + (route.gateway ? " via " + route.gateway->text() : "") +
                    (route.table ? " in " + std::to_string(*route.table) : ""));
  }
  return found;
}

using Texts = std::vector<std::string>;

TEST(SbrPlan, GivesEachAddressATableWithItsRoutesGatewaysLast) {
  const Plan plan = plan_source_routing({}, two_ips(), main_routes(), {});
  ASSERT_EQ(plan.rules.size(), 2U);
  EXPECT_EQ(plan.rules[0], (netlink::Rule{.source = cidr("10.1.0.2/32"), .table = 100}));
  EXPECT_EQ(plan.rules[1], (netlink::Rule{.source = cidr("fd01::2/128"), .table = 101}));
  EXPECT_EQ(texts(plan.added),
            (Texts{"10.1.0.0/24 in 100", "fd01::/64 in 101", "fe80::/64 in 101",
                   "0.0.0.0/0 via 10.1.0.1 in 100", "10.9.0.0/16 via 10.1.0.7 in 100"}));
  EXPECT_EQ(texts(plan.removed), (Texts{"0.0.0.0/0 via 10.1.0.1", "10.1.0.0/24",
                                        "10.9.0.0/16 via 10.1.0.7", "fd01::/64"}));
  EXPECT_TRUE(plan.hints.empty());
}

TEST(SbrPlan, TakesOnlyTablesThatNobodyUses) {
  const Plan plan = plan_source_routing({}, two_ips(), {}, {100, 102});
  EXPECT_EQ(plan.rules[0].table, 101U);
  EXPECT_EQ(plan.rules[1].table, 103U);
  std::set<std::uint32_t> taken;
  for (std::uint32_t table = 100; table < 253; ++table) {
    taken.insert(table);
  }
  EXPECT_EQ(plan_source_routing({}, two_ips(), {}, taken).rules[0].table, 256U);
}

TEST(SbrPlan, ConfiguredGatewaysWin) {
  Config config;
  config.gateway4 = address("10.2.0.1");
  config.gateway6 = address("fe80::1");
  const Plan plan = plan_source_routing(config, two_ips(), main_routes(), {});
  std::vector<Route> defaults;
  for (const Route& route : plan.added) {
    if (route.dst.is_default_route()) {
      defaults.push_back(route);
    }
  }
  ASSERT_EQ(defaults.size(), 2U);
  EXPECT_EQ(defaults[0].gateway, address("10.2.0.1"));
  EXPECT_TRUE(defaults[0].onlink);
  EXPECT_EQ(defaults[1].gateway, address("fe80::1"));
  EXPECT_FALSE(defaults[1].onlink);
}

TEST(SbrPlan, SourceHintsStayInTheMainTable) {
  Config config;
  config.source_hints = true;
  const Plan plan = plan_source_routing(config, two_ips(), main_routes(), {});
  EXPECT_EQ(texts(plan.hints), (Texts{"10.1.0.0/24", "fd01::/64"}));
  EXPECT_EQ(plan.hints[1].source, address("fd01::2"));
  EXPECT_EQ(texts(plan.removed), (Texts{"0.0.0.0/0 via 10.1.0.1", "10.9.0.0/16 via 10.1.0.7"}));
}

TEST(SbrPlan, ATableOfSomebodyElseGetsRulesOnly) {
  Config config;
  config.table = 500;
  const Plan plan = plan_source_routing(config, two_ips(), main_routes(), {500});
  EXPECT_EQ(plan.rules[0].table, 500U);
  EXPECT_EQ(plan.rules[1].table, 500U);
  EXPECT_TRUE(plan.added.empty() && plan.removed.empty() && plan.hints.empty());
}

TEST(SbrPlan, TheSubnetIsReachedThoughTheMainTableHasLostIt) {
  const Plan plan = plan_source_routing({}, two_ips(), {}, {});
  EXPECT_EQ(texts(plan.added),
            (Texts{"10.1.0.0/24 in 100", "fd01::/64 in 101", "0.0.0.0/0 via 10.1.0.1 in 100"}));
  EXPECT_TRUE(plan.removed.empty());
}

TEST(SbrPlan, ARouteThatTwoAddressesShareIsRemovedOnce) {
  const std::vector<cni::IpConfig> ips = {{.address = cidr("10.1.0.2/24")},
                                          {.address = cidr("10.1.0.3/24")}};
  const Plan plan = plan_source_routing({}, ips, {{.dst = cidr("10.1.0.0/24")}}, {});
  EXPECT_EQ(texts(plan.added), (Texts{"10.1.0.0/24 in 100", "10.1.0.0/24 in 101"}));
  EXPECT_EQ(plan.removed.size(), 1U);
}

}  // namespace
}  // namespace linnet::sbr
