#include "plugins/meta/portmap/plan.h"

#include "tests/support/expect_error.h"
#include "tests/unit/portmap/support.h"

namespace linnet::test {
namespace {

using cni::Code;
using cni::Json;
using portmap::Plan;
using testing::ElementsAre;
using testing::IsEmpty;

const attach::Attachment kAttachment = {.network = "net1", .container_id = "c1", .ifname = "eth0"};

Cidr cidr(std::string_view text) { return Cidr::parse(text).value(); }

Plan plan_of(const Json& mappings, const std::vector<Cidr>& addresses,
             const Json& changes = Json::object()) {
  std::vector<std::string> warnings;
  return portmap::make_plan(portmap::parse_config(portmap_conf(mappings, changes), warnings),
                            addresses, kAttachment);
}

std::vector<std::string> redirects(const Plan& plan) {
  std::vector<std::string> all;
  for (const auto& list : plan.ports) {
    for (const auto& element : list.elements) {
      const auto redirect = portmap::redirect_of(list.set, element).value();
      all.push_back(redirect.text() + " -> " + redirect.container.text() + " " +
                    std::to_string(redirect.container_port));
    }
  }
  return all;
}

std::vector<std::string> sets(const std::vector<portmap::SetElements>& lists) {
  std::vector<std::string> names;
  for (const auto& list : lists) {
    names.push_back(list.set + ":" + std::to_string(list.elements.size()));
  }
  return names;
}

const std::vector<Cidr> kBoth = {cidr("10.22.0.5/16"), cidr("fd22::5/64")};

TEST(PortmapPlan, RedirectsEachMappingInTheFamiliesOfItsHostAddress) {
  EXPECT_THAT(redirects(plan_of({{{"hostPort", 80}, {"containerPort", 8000}}}, kBoth)),
              ElementsAre("tcp port 80 of the host -> 10.22.0.5 8000",
                          "tcp port 80 of the host -> fd22::5 8000"));
  EXPECT_THAT(
      redirects(plan_of({{{"hostPort", 80}, {"containerPort", 80}, {"hostIP", "0.0.0.0"}},
                         {{"hostPort", 81}, {"containerPort", 80}, {"hostIP", "2001:db8::1"}}},
                        kBoth)),
      ElementsAre("tcp port 80 of the host -> 10.22.0.5 80",
                  "tcp port 81 of 2001:db8::1 -> fd22::5 80"));
  EXPECT_TRUE(
      plan_of({{{"hostPort", 80}, {"containerPort", 80}, {"hostIP", "::"}}}, {cidr("10.22.0.5/16")})
          .empty());
}

TEST(PortmapPlan, UnrollsRangesUpToTheLastPort) {
  EXPECT_THAT(
      redirects(plan_of(
          {{{"hostPort", 65534}, {"containerPort", 10}, {"range", 2}, {"protocol", "sctp"}}},
          {cidr("10.22.0.5/16")})),
      ElementsAre("sctp port 65534 of the host -> 10.22.0.5 10",
                  "sctp port 65535 of the host -> 10.22.0.5 11"));
  EXPECT_EQ(plan_of({{{"hostPort", 1}, {"containerPort", 1}, {"range", 65535}}},
                    {cidr("10.22.0.5/16")}, {{"snat", false}})
                .size(),
            65535U);
}

TEST(PortmapPlan, TheSameMappingTwiceIsOneAndTwoTargetsAreAnError) {
  EXPECT_EQ(redirects(plan_of({{{"hostPort", 1}, {"containerPort", 1}},
                               {{"hostPort", 1}, {"containerPort", 1}}},
                              {cidr("10.22.0.5/16")}))
                .size(),
            1U);
  expect_error(Code::kInvalidNetworkConfig, "tcp port 1 of the host is mapped twice", [] {
    (void)plan_of(
        {{{"hostPort", 1}, {"containerPort", 1}}, {{"hostPort", 1}, {"containerPort", 2}}},
        {cidr("10.22.0.5/16")});
  });
}

TEST(PortmapPlan, MasqueradesByTheSubnetAndOnlyItselfWithoutNeighbours) {
  const Json mappings = {{{"hostPort", 80}, {"containerPort", 80}}};
  EXPECT_THAT(sets(plan_of(mappings, kBoth).sources),
              ElementsAre("loops4:2", "hairpin_10.22.0.0_16_13:1", "loops6:1",
                          "hairpin_fd220000000000000000000000000000_64_13:1"));
  EXPECT_THAT(sets(plan_of(mappings, {cidr("10.22.0.5/32")}).sources), ElementsAre("loops4:2"));
  EXPECT_THAT(sets(plan_of(mappings, kBoth, {{"snat", false}}).sources), IsEmpty());
  EXPECT_THAT(sets(plan_of(mappings, {kBoth[0]}, {{"masqAll", true}, {"markMasqBit", 7}}).sources),
              ElementsAre("loops4:2", "hairpin_0.0.0.0_0_7:1"));
}

TEST(PortmapPlan, ConditionsChooseTheMaps) {
  const Plan plan = plan_of({{{"hostPort", 80}, {"containerPort", 80}}}, kBoth,
                            {{"conditionsV4", {"-i", "eth0"}}});
  EXPECT_EQ(plan.scopes.size(), 2U);
  EXPECT_THAT(plan.ports[0].set, testing::MatchesRegex("ports4_[0-9a-f]{12}"));
  EXPECT_EQ(plan.ports[1].set, "ports6");
  EXPECT_EQ(redirects(plan)[0], "tcp port 80 of the host -> 10.22.0.5 80");
}

TEST(PortmapPlan, CountsItsElementsInTheRecord) {
  const Plan plan = plan_of({{{"hostPort", 80}, {"containerPort", 80}, {"range", 300}}}, kBoth);
  EXPECT_EQ(plan.size(), 605U);
  EXPECT_EQ(portmap::count_in(plan.record), 605U);
  EXPECT_NE(plan.record.key, portmap::record_of({"net1", "c1", "eth1"}, 0).key);
}

TEST(PortmapPlan, TakesTheFirstAddressOfEachFamilyOfTheContainersInterface) {
  cni::Result result;
  result.interfaces = {{.name = "eth0"},
                       {.name = "eth0", .sandbox = "/run/netns/x"},
                       {.name = "eth1", .sandbox = "/run/netns/x"}};
  result.ips = {{.interface = 0, .address = cidr("10.0.0.1/24")},
                {.interface = 2, .address = cidr("10.0.0.2/24")},
                {.interface = 1, .address = cidr("10.0.0.3/24")},
                {.interface = 1, .address = cidr("10.0.0.4/24")},
                {.address = cidr("fd00::5/64")}};
  EXPECT_THAT(portmap::container_addresses(result, "eth0"),
              ElementsAre(cidr("10.0.0.3/24"), cidr("fd00::5/64")));
}

}  // namespace
}  // namespace linnet::test
