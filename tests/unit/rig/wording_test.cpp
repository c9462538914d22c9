#include "rig/wording.h"

#include <gtest/gtest.h>

namespace linnet::rig {
namespace {

TEST(Fixed, RoundsToTheDigitsAskedFor) {
  EXPECT_EQ(fixed(0.0625, 3), "0.062");
  EXPECT_EQ(fixed(-1234.5678, 2), "-1234.57");
  EXPECT_EQ(fixed(50640, 0), "50640");
}

TEST(Fixed, ShowsEveryDigitOfWhatAReportMayHold) {
  EXPECT_EQ(fixed(1e40, 1), "10000000000000000303786028427003666890752.0");
  EXPECT_EQ(fixed(1e308, 3).size(), 309 + 4U);
}

}  // namespace
}  // namespace linnet::rig
