#include "plugins/attach/attachment.h"

#include <gmock/gmock.h>

namespace linnet::attach {
namespace {

TEST(OwnerKey, IsTheHashThatTheReferenceWritesIntoItsRules) {
  // Known answers of the reference's nftables back end.
  EXPECT_EQ(owner_key({"unit-test", "one", "eth0"}), "6fd94d501e58f0aa-287fc69eff0574a2");
  EXPECT_EQ(owner_key({"unit-test", "two", "eth0"}), "6fd94d501e58f0aa-d750b2c8f0f25d5f");
}

TEST(OwnerKey, IsReadBackFromCommentAndAlias) {
  const Attachment attachment = {"net1", std::string(200, 'x'), "eth0"};
  EXPECT_EQ(key_in_comment(owner_comment(attachment)), owner_key(attachment));
  EXPECT_EQ(key_in_alias(owner_alias(attachment)), owner_key(attachment));
  EXPECT_LE(owner_comment(attachment).size(), 127U);
  EXPECT_TRUE(owner_key(attachment).starts_with(network_key("net1")));
}

TEST(OwnerKey, IsNotFoundInForeignText) {
  EXPECT_EQ(key_in_alias(""), "");
  EXPECT_EQ(key_in_alias("uplink to the switch"), "");
  EXPECT_EQ(key_in_comment("short"), "");
  EXPECT_EQ(key_in_comment(std::string(200, 'a')), "");
}

TEST(HostLinkName, IsAValidNameThatDependsOnEveryPartOfTheAttachment) {
  const std::string name = host_link_name({"net1", "c1", "eth0"});
  EXPECT_EQ(name.size(), 15U);
  EXPECT_TRUE(name.starts_with("veth"));
  EXPECT_NE(name, host_link_name({"net2", "c1", "eth0"}));
  EXPECT_NE(name, host_link_name({"net1", "c2", "eth0"}));
  EXPECT_NE(name, host_link_name({"net1", "c1", "eth1"}));
  EXPECT_EQ(name, host_link_name({"net1", "c1", "eth0"}));
}

TEST(DerivedMacs, AreLocalUnicastAndDifferAtTheTwoEnds) {
  const Attachment attachment = {"net1", "c1", "eth0"};
  for (const MacAddress& mac : {host_mac(attachment), container_mac(attachment)}) {
    EXPECT_FALSE(mac.is_multicast());
    EXPECT_EQ(mac.bytes()[0] & 2U, 2U);
  }
  EXPECT_NE(host_mac(attachment), container_mac(attachment));
}

TEST(ValidKeys, AreThoseOfTheListedAttachments) {
  const std::vector<cni::AttachmentKey> valid = {{"c1", "eth0"}, {"c2", "eth1"}};
  const auto keys = valid_keys("net1", valid);
  EXPECT_EQ(keys.size(), 2U);
  EXPECT_TRUE(keys.contains(owner_key({"net1", "c2", "eth1"})));
  EXPECT_FALSE(keys.contains(owner_key({"net1", "c2", "eth0"})));
}

}  // namespace
}  // namespace linnet::attach
