#include "plugins/ipam/host-local/range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/error.h"

namespace linnet::host_local {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RangeInput input(const char* subnet) {
  RangeInput result;
  result.subnet = *Cidr::parse(subnet);
  result.path = "ipam.ranges[0][0]";
  return result;
}

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

Interval interval(const char* first, const char* last) {
  return {to_number(ip(first)), to_number(ip(last))};
}

std::string error_of(const RangeInput& wrong) {
  try {
    const Range range(wrong);
  } catch (const cni::Error& error) {
    EXPECT_EQ(error.code(), 7);
    return error.what();
  }
  return "no error";
}

TEST(Number, HoldsEveryAddressAndGivesItBack) {
  for (const char* text : {"0.0.0.0", "255.255.255.255", "10.1.2.3", "::", "::1", "fd00::1",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    EXPECT_EQ(to_address(to_number(ip(text))).text(), text);
  }
}

TEST(Number, IsShownInDecimal) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(Number{1} << 64U), "18446744073709551616");
}

TEST(Range, LeavesOutNetworkGatewayAndBroadcastByDefault) {
  const Range range(input("10.1.0.0/24"));
  EXPECT_EQ(range.text(), "10.1.0.1-10.1.0.254");
  EXPECT_EQ(range.gateway(), ip("10.1.0.1"));
  const RangeSet set({range}, "ipam.ranges[0]");
  EXPECT_EQ(set.ranges()[0].capacity(), 253U);
}

TEST(Range, OfIpv6EndsAtTheLastAddress) {
  const Range range(input("fd00::/120"));
  EXPECT_EQ(range.text(), "fd00::1-fd00::ff");
  EXPECT_EQ(range.gateway(), ip("fd00::1"));
}

TEST(Range, OfASlash31LeasesTheAddressThatIsNotTheGateway) {
  const RangeSet set({Range(input("10.1.0.0/31"))}, "ipam");
  EXPECT_EQ(set.ranges()[0].gateway(), ip("10.1.0.0"));
  EXPECT_THAT(set.round_robin({}), ElementsAre(interval("10.1.0.1", "10.1.0.1")));
}

TEST(Range, OfASlash31WithAGatewayElsewhereLeasesBoth) {
  RangeInput outside = input("10.1.0.0/31");
  outside.gateway = ip("10.2.0.1");
  const RangeSet set({Range(outside)}, "ipam");
  EXPECT_EQ(set.ranges()[0].capacity(), 2U);
}

TEST(Range, OfASlash127LeasesTheSecondAddress) {
  const RangeSet set({Range(input("fd00::/127"))}, "ipam");
  EXPECT_THAT(set.round_robin({}), ElementsAre(interval("fd00::1", "fd00::1")));
}

TEST(Range, OfOneAddressHasNoGatewayUnlessGiven) {
  const Range four(input("10.1.0.7/32"));
  EXPECT_EQ(four.text(), "10.1.0.7-10.1.0.7");
  EXPECT_EQ(four.gateway(), std::nullopt);
  EXPECT_EQ(Range(input("fd00::7/128")).capacity(), 1U);
}

TEST(Range, RefusesHostBitsAndNamesTheNetwork) {
  EXPECT_THAT(error_of(input("10.1.0.5/24")),
              AllOf(HasSubstr("ipam.ranges[0][0].subnet"), HasSubstr("10.1.0.0")));
}

TEST(Range, RefusesBoundsOutsideOfTheSubnet) {
  RangeInput start = input("10.1.0.0/24");
  start.start = ip("10.2.0.1");
  EXPECT_THAT(error_of(start), HasSubstr("rangeStart\": 10.2.0.1 not in network 10.1.0.0/24"));
  RangeInput end = input("10.1.0.0/24");
  end.end = ip("fd00::1");
  EXPECT_THAT(error_of(end), HasSubstr("rangeEnd\": fd00::1 not in network"));
  RangeInput order = input("10.1.0.0/24");
  order.start = ip("10.1.0.20");
  order.end = ip("10.1.0.10");
  EXPECT_THAT(error_of(order), HasSubstr("rangeStart comes after rangeEnd"));
}

TEST(Range, RefusesAGatewayOfAnotherFamily) {
  RangeInput wrong = input("10.1.0.0/24");
  wrong.gateway = ip("fd00::1");
  EXPECT_THAT(error_of(wrong), HasSubstr("ipam.ranges[0][0].gateway"));
}

TEST(Range, AllowsTheNetworkAddressWhenStartNamesIt) {
  RangeInput from_zero = input("10.1.0.0/24");
  from_zero.start = ip("10.1.0.0");
  EXPECT_TRUE(Range(from_zero).contains(ip("10.1.0.0")));
}

TEST(Range, LeavesOutExcludedAddressesAndNetworks) {
  RangeInput with = input("10.1.0.0/24");
  with.exclude = {*Cidr::parse("10.1.0.0/29"), *Cidr::parse("10.1.0.4/30"),
                  *Cidr::parse("10.1.0.10/32"), *Cidr::parse("10.1.0.128/25"),
                  *Cidr::parse("192.168.0.0/16")};
  const RangeSet set({Range(with)}, "ipam");
  EXPECT_THAT(set.round_robin({}),
              ElementsAre(interval("10.1.0.8", "10.1.0.9"), interval("10.1.0.11", "10.1.0.127")));
  EXPECT_EQ(set.ranges()[0].capacity(), 119U);
}

TEST(RangeSet, RefusesASetWithNothingToLease) {
  RangeInput only = input("10.1.0.0/24");
  only.start = only.end = only.gateway = ip("10.1.0.9");
  EXPECT_THROW(RangeSet({Range(only)}, "ipam"), cni::Error);
}

TEST(RangeSet, RefusesOverlapsAndMixedFamiliesAndNothing) {
  EXPECT_THROW(RangeSet({Range(input("10.1.0.0/24")), Range(input("10.1.0.0/25"))}, "s"),
               cni::Error);
  EXPECT_THROW(RangeSet({Range(input("10.1.0.0/24")), Range(input("fd00::/64"))}, "s"), cni::Error);
  EXPECT_THROW(RangeSet({}, "s"), cni::Error);
}

TEST(RangeSet, GoesRoundFromTheLastAddressThroughAllRanges) {
  const RangeSet set({Range(input("10.1.0.0/29")), Range(input("10.2.0.0/29"))}, "s");
  EXPECT_THAT(set.round_robin(ip("10.1.0.4")),
              ElementsAre(interval("10.1.0.5", "10.1.0.6"), interval("10.2.0.2", "10.2.0.6"),
                          interval("10.1.0.2", "10.1.0.4")));
  EXPECT_THAT(set.round_robin(ip("10.2.0.6")),
              ElementsAre(interval("10.1.0.2", "10.1.0.6"), interval("10.2.0.2", "10.2.0.6")));
  EXPECT_THAT(set.round_robin(ip("192.0.2.1")),
              ElementsAre(interval("10.1.0.2", "10.1.0.6"), interval("10.2.0.2", "10.2.0.6")));
}

TEST(RangeSet, LeasesNoGatewayOfAnyOfItsRanges) {
  RangeInput low = input("10.1.0.0/24");
  low.end = ip("10.1.0.20");
  low.gateway = ip("10.1.0.30");
  RangeInput high = input("10.1.0.0/24");
  high.start = ip("10.1.0.29");
  high.end = ip("10.1.0.31");
  high.gateway = ip("10.1.0.30");
  const RangeSet set({Range(low), Range(high)}, "s");
  EXPECT_TRUE(set.is_gateway(ip("10.1.0.30")));
  EXPECT_EQ(set.ranges()[1].capacity(), 2U);
}

TEST(RangeSet, ReachesBothEndsOfTheAddressSpace) {
  RangeInput all = input("::/0");
  const RangeSet set({Range(all)}, "s");
  const auto order = set.round_robin(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  ASSERT_EQ(order.size(), 1U);
  EXPECT_EQ(order[0].last, to_number(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

}  // namespace
}  // namespace linnet::host_local
