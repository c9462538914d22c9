#include "base/mac_address.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(MacAddress, IsReadInBothNotationsAndShownInOne) {
  EXPECT_EQ(MacAddress::parse("02:AB:cd:00:01:ff")->text(), "02:ab:cd:00:01:ff");
  EXPECT_EQ(MacAddress::parse("02-ab-cd-00-01-ff")->text(), "02:ab:cd:00:01:ff");
}

TEST(MacAddress, RefusesWhatIsNoMacAddress) {
  for (const std::string_view text :
       {"", "02:ab:cd:00:01", "02:ab:cd:00:01:ff:00", "02:ab:cd:00:01:fg", "2:ab:cd:00:01:ff0",
        "02.ab.cd.00.01.ff", "+2:ab:cd:00:01:ff", "-2:ab:cd:00:01:ff"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(MacAddress, DerivedFromASeedIsLocalAndUnicast) {
  const std::array<unsigned char, 6> seed = {0xff, 1, 2, 3, 4, 5};
  const MacAddress mac = MacAddress::local_from(seed);
  EXPECT_EQ(mac.text(), "fe:01:02:03:04:05");
  EXPECT_FALSE(mac.is_multicast());
}

TEST(MacAddress, IsMadeOfSixBytesOnly) {
  const std::array<unsigned char, 7> bytes = {0, 0, 0, 0, 0, 0, 1};
  EXPECT_TRUE(MacAddress::from_bytes(std::span(bytes).first(6))->is_zero());
  EXPECT_FALSE(MacAddress::from_bytes(bytes));
}

}  // namespace
}  // namespace linnet
