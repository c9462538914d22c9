#include "base/ip_address.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress::unspecified(Family::kIpv4));
}

Cidr cidr(std::string_view text) {
  const auto network = Cidr::parse(text);
  EXPECT_TRUE(network) << text;
  return network.value_or(Cidr());
}

TEST(IpAddress, IsShownInItsCanonicalForm) {
  for (const auto& [given, shown] : {std::pair{"10.1.2.3", "10.1.2.3"},
                                     {"FD00:0:0::0001", "fd00::1"},
                                     {"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"},
                                     {"::ffff:1.2.3.4", "1.2.3.4"},
                                     {"::", "::"}}) {
    EXPECT_EQ(ip(given).text(), shown);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const std::string_view text :
       {"", "10.1.2", "10.1.2.3.4", "010.1.2.3", "256.1.1.1", "1.2.3.4/24", " 1.2.3.4",
        "fe80::1%eth0", "::1::", "12345::", "x"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
  EXPECT_FALSE(IpAddress::parse(std::string(5000, '1')));
}

TEST(IpAddress, IsMadeOfFourOrSixteenBytesOnly) {
  const std::array<unsigned char, 5> bytes = {10, 0, 0, 1, 9};
  EXPECT_EQ(IpAddress::from_bytes(std::span(bytes).first(4)), ip("10.0.0.1"));
  EXPECT_FALSE(IpAddress::from_bytes(bytes));
  EXPECT_FALSE(IpAddress::from_bytes({}));
}

TEST(IpAddress, OrdersByFamilyThenNumerically) {
  EXPECT_LT(ip("9.0.0.0"), ip("10.0.0.0"));
  EXPECT_LT(ip("255.255.255.255"), ip("::"));
  EXPECT_LT(ip("fd00::9"), ip("fd00::10"));
}

TEST(IpAddress, NeighboursCarryOverBytesAndEndAtTheFamily) {
  EXPECT_EQ(ip("10.0.0.255").next(), ip("10.0.1.0"));
  EXPECT_EQ(ip("10.0.1.0").previous(), ip("10.0.0.255"));
  EXPECT_EQ(ip("fd00::ffff").next(), ip("fd00::1:0"));
  EXPECT_FALSE(ip("255.255.255.255").next());
  EXPECT_FALSE(ip("::").previous());
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_TRUE(ip("224.0.0.1").is_multicast());
  EXPECT_TRUE(ip("ff02::1").is_multicast());
  EXPECT_TRUE(ip("169.254.1.1").is_link_local_unicast());
  EXPECT_TRUE(ip("febf::1").is_link_local_unicast());
  EXPECT_FALSE(ip("fec0::1").is_link_local_unicast());
}

TEST(Cidr, ReadsAddressAndLengthOfItsFamily) {
  EXPECT_EQ(cidr("10.1.2.3/24").text(), "10.1.2.3/24");
  EXPECT_EQ(cidr("fd00::1/128").prefix_length(), 128U);
  for (const std::string_view text : {"10.1.2.3", "10.1.2.3/33", "10.1.2.3/", "/24", "10.1.2.3/-1",
                                      "10.1.2.3/+8", "::/129", "10.1.2.3/24/1", "10.1.2.3/ 8"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(Cidr, KnowsFirstAndLastAddress) {
  EXPECT_EQ(cidr("10.1.2.3/20").first(), ip("10.1.0.0"));
  EXPECT_EQ(cidr("10.1.2.3/20").last(), ip("10.1.15.255"));
  EXPECT_EQ(cidr("10.1.2.3/32").last(), ip("10.1.2.3"));
  EXPECT_EQ(cidr("0.0.0.0/0").last(), ip("255.255.255.255"));
  EXPECT_EQ(cidr("fd00::1/127").first(), ip("fd00::"));
  EXPECT_EQ(cidr("fd00:1::/33").last(), ip("fd00:1:7fff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(cidr("10.1.2.3/24").network(), cidr("10.1.2.0/24"));
}

TEST(Cidr, ContainsAndOverlapsWithinItsFamilyOnly) {
  EXPECT_TRUE(cidr("10.0.0.0/8").contains(ip("10.255.0.1")));
  EXPECT_FALSE(cidr("10.0.0.0/8").contains(ip("11.0.0.0")));
  EXPECT_FALSE(cidr("0.0.0.0/0").contains(ip("::1")));
  EXPECT_TRUE(cidr("10.0.0.0/8").overlaps(cidr("10.1.0.0/16")));
  EXPECT_TRUE(cidr("10.1.0.0/16").overlaps(cidr("10.0.0.0/8")));
  EXPECT_FALSE(cidr("10.1.0.0/16").overlaps(cidr("10.2.0.0/16")));
  EXPECT_FALSE(cidr("::/0").overlaps(cidr("0.0.0.0/0")));
}

TEST(Cidr, KnowsTheDefaultRoute) {
  EXPECT_TRUE(cidr("0.0.0.0/0").is_default_route());
  EXPECT_TRUE(cidr("::/0").is_default_route());
  EXPECT_FALSE(cidr("0.0.0.0/1").is_default_route());
}

}  // namespace
}  // namespace linnet
