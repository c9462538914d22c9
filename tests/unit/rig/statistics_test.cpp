#include "rig/statistics.h"

#include <gmock/gmock.h>

#include <random>

namespace linnet::rig {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

TEST(Median, IsTheMiddleOrTheMeanOfTheTwo) {
  EXPECT_DOUBLE_EQ(median({7}), 7);
  EXPECT_DOUBLE_EQ(median({9, 1, 5}), 5);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(PairedRatios, DivideMemberByMember) {
  EXPECT_THAT(paired_ratios({2, 4}, {4, 2}), ElementsAre(DoubleEq(2), DoubleEq(0.5)));
}

TEST(BootstrapMedian, OfEqualValuesIsThatValue) {
  const Estimate estimate = bootstrap_median({3, 3, 3, 3}, 1);
  EXPECT_DOUBLE_EQ(estimate.value, 3);
  EXPECT_DOUBLE_EQ(estimate.interval.low, 3);
  EXPECT_DOUBLE_EQ(estimate.interval.high, 3);
}

TEST(BootstrapMedian, GivesTheSameIntervalForTheSameSeed) {
  const std::vector<double> values = {1, 5, 2, 8, 3, 9, 4};
  const Estimate a = bootstrap_median(values, 7);
  const Estimate b = bootstrap_median(values, 7);
  EXPECT_DOUBLE_EQ(a.interval.low, b.interval.low);
  EXPECT_DOUBLE_EQ(a.interval.high, b.interval.high);
  EXPECT_LE(a.interval.low, a.value);
  EXPECT_LE(a.value, a.interval.high);
}

// Of a hundred samples of a known distribution the interval has to hold its median about 95 times.
TEST(BootstrapMedian, IntervalHoldsTheTrueMedian) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> draw(1.0, 0.1);
  int held = 0;
  for (int sample = 0; sample < 100; ++sample) {
    std::vector<double> values(60);
    for (double& value : values) {
      value = draw(random);
    }
    held += bootstrap_median(values, 3, 300).interval.covers(1.0) ? 1 : 0;
  }
  EXPECT_GE(held, 88);
  EXPECT_LE(held, 100);
}

// A tenth slower is told from equal with values that vary by a tenth themselves.
TEST(BootstrapMedian, IntervalLeavesOutAnotherMedian) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> draw(0.9, 0.1);
  std::vector<double> values(200);
  for (double& value : values) {
    value = draw(random);
  }
  EXPECT_FALSE(bootstrap_median(values, 3).interval.covers(1.0));
}

}  // namespace
}  // namespace linnet::rig
