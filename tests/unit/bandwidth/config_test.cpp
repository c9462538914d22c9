#include "plugins/meta/bandwidth/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::bandwidth {
namespace {

using cni::Json;
using netlink::TokenBucket;
using test::expect_error;

Limits parse(const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "bandwidth"}};
  conf.update(changes);
  cni::Request request;
  request.verb = cni::Verb::kAdd;
  return parse_limits(request,
                      cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

TEST(BandwidthConfig, HasNoLimitsUnlessTheyAreGiven) {
  EXPECT_TRUE(parse(Json::object()).empty());
  EXPECT_TRUE(parse({{"ingressRate", 0}, {"ingressBurst", 0}}).empty());
  EXPECT_TRUE(parse({{"runtimeConfig", Json::object()}}).empty());
  EXPECT_TRUE(parse({{"runtimeConfig", {{"bandwidth", nullptr}}}}).empty());
  EXPECT_TRUE(parse({{"runtimeConfig", {{"bandwidth", Json::object()}}}}).empty());
}

TEST(BandwidthConfig, TurnsBitsIntoBytesAndQueuesTwentyFiveMilliseconds) {
  const Limits limits = parse({{"ingressRate", 8000000},
                               {"ingressBurst", 80000},
                               {"egressRate", 16000000},
                               {"egressBurst", 160000}});
  EXPECT_EQ(limits.ingress, (TokenBucket{.rate = 1000000, .burst = 10000, .limit = 35000}));
  EXPECT_EQ(limits.egress, (TokenBucket{.rate = 2000000, .burst = 20000, .limit = 70000}));
}

TEST(BandwidthConfig, TakesOneDirectionAlone) {
  const Limits limits = parse({{"egressRate", 8}, {"egressBurst", 8}});
  EXPECT_FALSE(limits.ingress);
  EXPECT_EQ(limits.egress, (TokenBucket{.rate = 1, .burst = 1, .limit = 1}));
}

TEST(BandwidthConfig, ReadsWhatRuntimesSendInAnyCase) {
  const Limits limits =
      parse({{"runtimeConfig",
              {{"bandwidth", {{"IngressRate", 1000000000000}, {"IngressBurst", 4294967295}}}}}});
  EXPECT_EQ(limits.ingress,
            (TokenBucket{.rate = 125000000000, .burst = 536870911, .limit = 3661870911}));
  EXPECT_FALSE(limits.egress);
}

TEST(BandwidthConfig, TheLimitOfAQueueStaysWithinWhatTheKernelCanCount) {
  const Limits limits =
      parse({{"ingressRate", 9223372036854775807}, {"ingressBurst", 34359738351}});
  EXPECT_EQ(limits.ingress->limit, 4294967295U);
  EXPECT_EQ(limits.ingress->burst, 4294967293U);
}

TEST(BandwidthConfig, KeysOfTheConfigurationReplaceThoseOfTheRuntimeAltogether) {
  const Json dynamic = {{"bandwidth", {{"ingressRate", 80}, {"ingressBurst", 80}}}};
  const Limits limits =
      parse({{"runtimeConfig", dynamic}, {"egressRate", 800}, {"egressBurst", 800}});
  EXPECT_FALSE(limits.ingress);
  EXPECT_EQ(limits.egress->rate, 100U);
}

TEST(BandwidthConfig, RefusesWhatCannotBeALimitAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    expect_error(cni::Code::kInvalidNetworkConfig, text,
                 [&] { static_cast<void>(parse(changes)); });
  };
  refuses({{"ingressRate", 8000}}, "\"ingressBurst\": missing: if rate is set, burst must also");
  refuses({{"egressBurst", 8000}}, "\"egressRate\": missing: if burst is set, rate must also");
  refuses({{"ingressRate", 8}, {"ingressBurst", 34359738360}}, "burst cannot be more than 4GB");
  refuses({{"ingressRate", -1}, {"ingressBurst", 8}}, "\"ingressRate\": expected an integer");
  refuses({{"ingressRate", "1M"}, {"ingressBurst", 8}}, "got \"1M\"");
  refuses({{"egressRate", 7}, {"egressBurst", 8}}, "\"egressRate\": expected 0 or at least 8 bits");
  refuses({{"egressRate", 8}, {"egressBurst", 7}}, "\"egressBurst\": expected 0 or at least 8");
  refuses({{"runtimeConfig", 7}}, "\"runtimeConfig\": expected an object");
  refuses({{"runtimeConfig", {{"bandwidth", 7}}}}, "\"runtimeConfig.bandwidth\"");
  refuses({{"runtimeConfig", {{"bandwidth", {{"IngressRate", 8}}}}}},
          "\"runtimeConfig.bandwidth.ingressBurst\": missing");
}

}  // namespace
}  // namespace linnet::bandwidth
