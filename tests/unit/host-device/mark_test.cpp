#include "plugins/host-device/mark.h"

#include <gtest/gtest.h>

namespace linnet::host_device {
namespace {

const attach::Attachment kAttachment = {.network = "net1", .container_id = "c1", .ifname = "eth0"};

Mark mark_for(const std::string& name, bool up, const std::string& alias) {
  netlink::Link link;
  link.name = name;
  link.up = up;
  link.alias = alias;
  return mark_of(link, kAttachment);
}

TEST(HostDeviceMark, IsReadAsItWasWritten) {
  for (const bool up : {true, false}) {
    for (const char* name : {"eth1", "a,b, c", ", up", "x, down"}) {
      for (const char* alias : {"", "uplink, of rack 7", ", alias: twice"}) {
        const Mark mark = mark_for(name, up, alias);
        const std::optional<Mark> read = parse_mark(mark_text(mark));
        // A space is no part of an interface's name.
        if (std::string(name).find(' ') != std::string::npos) {
          EXPECT_FALSE(read) << mark_text(mark);
          continue;
        }
        ASSERT_TRUE(read) << mark_text(mark);
        EXPECT_EQ(read->owner_key, attach::owner_key(kAttachment));
        EXPECT_EQ(read->name, name);
        EXPECT_EQ(read->up, up);
        EXPECT_EQ(read->alias, alias);
      }
    }
  }
}

TEST(HostDeviceMark, FitsIntoAnAlias) {
  const std::string text = mark_text(mark_for("eth1", true, std::string(255, 'x')));
  EXPECT_EQ(text.size(), 255U);
  EXPECT_EQ(parse_mark(text)->name, "eth1");
}

TEST(HostDeviceMark, IsToldFromOtherAliases) {
  const std::string key = attach::owner_key(kAttachment);
  EXPECT_FALSE(parse_mark(""));
  EXPECT_FALSE(parse_mark("eth1"));
  EXPECT_FALSE(parse_mark("linnet:bridge"));
  EXPECT_FALSE(parse_mark(attach::owner_alias(kAttachment)));
  EXPECT_FALSE(parse_mark("linnet:" + key + ", device: "));
  EXPECT_FALSE(parse_mark("linnet:" + key + ", device: eth1"));
  EXPECT_FALSE(parse_mark("linnet:" + key + ", device: eth1, sideways"));
  EXPECT_FALSE(parse_mark("linnet:" + key + ", device: ../etc, up"));
  EXPECT_TRUE(parse_mark("linnet:" + key + ", device: eth1, down"));
}

}  // namespace
}  // namespace linnet::host_device
