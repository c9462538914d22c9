#include "plugins/ipam/host-local/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/error.h"
#include "libcni/version.h"
#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

using cni::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Json kFlat = {{"subnet", "10.1.0.0/24"}};

std::string error_of(const Json& ipam, const Json& top = Json::object(), int code = 7,
                     std::string_view args = {}) {
  const Network network;
  try {
    (void)network.parse(ipam, top, args);
  } catch (const cni::Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

TEST(Config, PutsRuntimeRangesFirstThenTheFlatRangeThenRanges) {
  const Network network;
  const Config config =
      network.parse({{"subnet", "10.1.0.0/24"}, {"ranges", {{{{"subnet", "10.2.0.0/24"}}}}}},
                    {{"runtimeConfig", {{"ipRanges", {{{{"subnet", "10.3.0.0/24"}}}}}}}});
  ASSERT_EQ(config.sets.size(), 3U);
  EXPECT_EQ(config.sets[0].text(), "10.3.0.1-10.3.0.254");
  EXPECT_EQ(config.sets[1].text(), "10.1.0.1-10.1.0.254");
  EXPECT_EQ(config.sets[2].text(), "10.2.0.1-10.2.0.254");
}

TEST(Config, ReadsKeysOfAnyCase) {
  const Network network;
  const Config config = network.parse({{"Subnet", "10.1.0.0/24"}, {"RANGEEND", "10.1.0.9"}});
  EXPECT_EQ(config.sets.at(0).text(), "10.1.0.1-10.1.0.9");
}

TEST(Config, CollectsRequestedAddressesOfAllThreeSourcesOnceEach) {
  const Network network;
  const Config config = network.parse(kFlat,
                                      {{"args", {{"cni", {{"ips", {"10.1.0.6", "10.1.0.5"}}}}}},
                                       {"runtimeConfig", {{"ips", {"10.1.0.7/24", "fd00::1/64"}}}}},
                                      "IgnoreUnknown=1;IP=10.1.0.5;K8S_POD_NAME=x");
  std::vector<std::string> requested;
  for (const IpAddress& address : config.requested) {
    requested.push_back(address.text());
  }
  EXPECT_THAT(requested, ElementsAre("10.1.0.5", "10.1.0.6", "10.1.0.7", "fd00::1"));
}

TEST(Config, AppliesTheExcludeListOfIpamToEveryRange) {
  const Network network;
  const Config config =
      network.parse({{"exclude", {"10.1.0.0/25"}},
                     {"ranges", {{{{"subnet", "10.1.0.0/24"}, {"exclude", {"10.1.0.200"}}}}}}});
  EXPECT_TRUE(
      config.sets[0].find(*IpAddress::parse("10.1.0.3"))->excludes(*IpAddress::parse("10.1.0.3")));
  EXPECT_EQ(config.sets[0].ranges()[0].capacity(), 126U);
}

TEST(Config, SaysWhatIsWrongWithWhichKey) {
  EXPECT_THAT(error_of(Json::object()), HasSubstr("no IP ranges specified"));
  EXPECT_THAT(error_of({{"subnet", "10.1.0.0"}}),
              AllOf(HasSubstr("ipam.subnet"), HasSubstr("\"10.1.0.0\"")));
  EXPECT_THAT(error_of({{"subnet", 5}}), HasSubstr("ipam.subnet"));
  EXPECT_THAT(error_of({{"ranges", "x"}}), HasSubstr("ipam.ranges"));
  EXPECT_THAT(error_of({{"ranges", {1}}}), HasSubstr("ipam.ranges[0]"));
  EXPECT_THAT(error_of({{"ranges", {Json::array()}}}), HasSubstr("ipam.ranges[0]"));
  EXPECT_THAT(error_of({{"ranges", {{{{"rangeStart", "10.1.0.1"}}}}}}),
              HasSubstr("ipam.ranges[0][0].subnet"));
  EXPECT_THAT(error_of({{"subnet", "10.1.0.0/24"}, {"gateway", "10.1"}}),
              AllOf(HasSubstr("ipam.gateway"), HasSubstr("10.1")));
  EXPECT_THAT(error_of({{"subnet", "10.1.0.0/24"}, {"exclude", {"x"}}}), HasSubstr("exclude"));
  EXPECT_THAT(error_of({{"subnet", "10.1.0.0/24"}, {"dataDir", "var"}}),
              AllOf(HasSubstr("ipam.dataDir"), HasSubstr("absolute")));
  EXPECT_THAT(error_of({{"subnet", "10.1.0.0/24"}, {"dataDir", "/var/../etc"}}),
              HasSubstr("ipam.dataDir"));
  EXPECT_THAT(error_of({{"subnet", "10.1.0.0/24"}, {"routes", {{{"dst", "x"}}}}}),
              HasSubstr("ipam.routes[0].dst"));
  EXPECT_THAT(error_of(kFlat, {{"runtimeConfig", {{"ips", {"x"}}}}}),
              HasSubstr("runtimeConfig.ips"));
  EXPECT_THAT(error_of(kFlat, Json::object(), 4, "IP=x"), HasSubstr("CNI_ARGS: IP"));
  EXPECT_THAT(error_of(kFlat, Json::object(), 4, "FOO=x"), HasSubstr("FOO"));
}

TEST(Config, RefusesSetsThatOverlap) {
  EXPECT_THAT(
      error_of({{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "10.1.0.128/25"}}}}}}),
      HasSubstr("range set 0 overlaps with 1"));
}

TEST(Config, BeforeVersion030AllowsOneSetAFamily) {
  const Json two = {{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "10.2.0.0/24"}}}}}};
  const Json both = {{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "fd00::/64"}}}}}};
  const Network network;
  EXPECT_THAT(error_of(two, {{"cniVersion", "0.2.0"}}), HasSubstr("0.2.0"));
  EXPECT_EQ(network.parse(both, {{"cniVersion", "0.2.0"}}).sets.size(), 2U);
  EXPECT_EQ(network.parse(two, {{"cniVersion", "0.3.0"}}).sets.size(), 2U);
}

TEST(Config, WarnsOfKeysOfARangeThatHasNoSubnet) {
  const Network network;
  ::testing::internal::CaptureStderr();
  (void)network.parse({{"ranges", {{{{"subnet", "10.1.0.0/24"}}}}},
                       {"rangeStart", "10.1.0.9"},
                       {"gateway", "10.1.0.1"}});
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("\"ipam.rangeStart\" has no effect without \"ipam.subnet\""));
  EXPECT_THAT(log, HasSubstr("\"ipam.gateway\" has no effect without \"ipam.subnet\""));
}

TEST(Config, ForCleaningUpNeedsNothingButTheDataDir) {
  const Network network;
  const auto location_of = [](const Json& conf) {
    return parse_location_leniently(
        cni::parse_net_conf(cni::dump(conf), cni::Verb::kDel, cni::kAllVersions));
  };
  EXPECT_EQ(location_of(network.conf({{"subnet", 5}, {"ranges", "x"}})).folder(), network.folder());
  for (const Json& wrong :
       {Json(7), Json("../x"), Json("/var/../x"), Json(std::string("/x\0y", 4))}) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(location_of(network.conf({{"dataDir", wrong}})).folder(),
              "/var/lib/cni/networks/net");
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(log, HasSubstr("\"ipam.dataDir\": "));
    EXPECT_THAT(log, HasSubstr("cleaning up below /var/lib/cni/networks"));
    EXPECT_THAT(error_of({{"subnet", "10.1.0.0/29"}, {"dataDir", wrong}}),
                HasSubstr("\"ipam.dataDir\": "));
  }
  EXPECT_EQ(location_of({{"cniVersion", "1.1.0"}, {"name", "net"}}).folder(),
            "/var/lib/cni/networks/net");
}

}  // namespace
}  // namespace linnet::host_local::test
