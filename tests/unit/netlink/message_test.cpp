#include "netlink/message.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

namespace linnet::netlink {
namespace {

std::span<const unsigned char> attributes_of(const Message& message, std::size_t header_size) {
  return message.raw().subspan(NLMSG_HDRLEN + header_size);
}

TEST(Message, PadsEveryAttributeAndCountsItsOwnLength) {
  Message message(RTM_GETLINK, NLM_F_ACK);
  message.header(ifinfomsg{}).text(IFLA_IFNAME, "ab").u32(IFLA_MTU, 1500);
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.raw().data());
  EXPECT_EQ(header->nlmsg_len, message.raw().size());
  EXPECT_EQ(header->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
  // "ab" and its zero are 3 bytes: 4 + 3, padded to 8; then 4 + 4.
  EXPECT_EQ(attributes_of(message, sizeof(ifinfomsg)).size(), 8U + 8U);
}

TEST(Message, NestsCountWhatTheyHold) {
  Message message(RTM_NEWLINK, 0);
  message.header(ifinfomsg{}).nest(IFLA_LINKINFO, [&] {
    message.text(IFLA_INFO_KIND, "veth");
    message.nest(IFLA_INFO_DATA, [&] { message.u8(1, 7); });
  });
  const Attributes<IFLA_MAX> outer(attributes_of(message, sizeof(ifinfomsg)));
  const Attributes<IFLA_INFO_MAX> info(outer.bytes(IFLA_LINKINFO));
  EXPECT_EQ(info.text(IFLA_INFO_KIND), "veth");
  EXPECT_EQ(Attributes<4>(info.bytes(IFLA_INFO_DATA)).number<std::uint8_t>(1), 7);
}

TEST(Message, RefusesAnAttributeLongerThanItsLengthFieldCanSay) {
  Message message(RTM_NEWLINK, 0);
  EXPECT_THROW(message.text(IFLA_IFALIAS, std::string(70000, 'x')), std::length_error);
}

TEST(Attributes, AreAbsentAndShortOnesGiveNoNumber) {
  Message message(RTM_NEWLINK, 0);
  message.header(ifinfomsg{}).u8(IFLA_MTU, 1).text(IFLA_IFNAME, "");
  const Attributes<IFLA_MAX> attributes(attributes_of(message, sizeof(ifinfomsg)));
  EXPECT_FALSE(attributes.number<std::uint32_t>(IFLA_MTU));
  EXPECT_TRUE(attributes.has(IFLA_IFNAME));
  EXPECT_EQ(attributes.text(IFLA_IFNAME), "");
  EXPECT_FALSE(attributes.has(IFLA_MASTER));
  EXPECT_EQ(attributes.text(IFLA_MASTER), "");
}

TEST(Attributes, SkipNumbersBehindTheirTable) {
  Message message(RTM_NEWLINK, 0);
  message.u32(3000, 1).u32(2, 9);
  const Attributes<4> attributes(message.raw().subspan(NLMSG_HDRLEN));
  EXPECT_EQ(attributes.number<std::uint32_t>(2), 9U);
}

TEST(Attributes, StopAtALengthThatCannotBeRight) {
  std::vector<unsigned char> bytes = {8, 0, 1, 0, 1, 2, 3, 4, 200, 0, 2, 0};
  const Attributes<4> attributes(bytes);
  EXPECT_TRUE(attributes.has(1));
  EXPECT_FALSE(attributes.has(2));
  bytes = {3, 0, 1, 0};
  EXPECT_FALSE(Attributes<4>(bytes).has(1));
}

}  // namespace
}  // namespace linnet::netlink
