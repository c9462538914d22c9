#include "rig/statistics.h"

#include <gmock/gmock.h>

#include <numeric>
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
  EXPECT_THAT(paired_ratios({0, 4}, {4, 2}), ElementsAre(DoubleEq(0.5)));
  EXPECT_THAT(paired_ratios(Rounds{{0}, {4}}, Rounds{{4}, {2}}),
              ElementsAre(ElementsAre(DoubleEq(0.5))));
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

// What the values of a round share is not told from chance by looking within it.
TEST(BootstrapMedian, OfRoundsCountsWhatRoundsShare) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> of_round(1.0, 0.05);
  std::normal_distribution<double> of_value(0.0, 0.01);
  int held = 0;
  int held_without_rounds = 0;
  for (int sample = 0; sample < 60; ++sample) {
    Rounds rounds(8, std::vector<double>(30));
    for (std::vector<double>& round : rounds) {
      const double shared = of_round(random);
      for (double& value : round) {
        value = shared + of_value(random);
      }
    }
    held += bootstrap_median(rounds, 3, 100).interval.covers(1.0) ? 1 : 0;
    held_without_rounds += bootstrap_median(all_of(rounds), 3, 100).interval.covers(1.0) ? 1 : 0;
  }
  EXPECT_GE(held, 50);
  EXPECT_LT(held_without_rounds, 36);
}

TEST(OrderStatisticsMedian, LeavesOutWhatFivePercentAllow) {
  EXPECT_DOUBLE_EQ(order_statistics_median({6, 5, 4, 3, 2, 1}).interval.low, 1);
  EXPECT_DOUBLE_EQ(order_statistics_median({6, 5, 4, 3, 2, 1}).interval.high, 6);
  const Estimate nine = order_statistics_median({9, 8, 7, 6, 5, 4, 3, 2, 1});
  EXPECT_DOUBLE_EQ(nine.value, 5);
  // 2 * (1 + 9) / 2^9 = 3.9 %.
  EXPECT_DOUBLE_EQ(nine.interval.low, 2);
  EXPECT_DOUBLE_EQ(nine.interval.high, 8);
  EXPECT_DOUBLE_EQ(order_statistics_median({7}).interval.low, 7);
  std::vector<double> twenty(20);
  std::iota(twenty.begin(), twenty.end(), 1);
  // 2 * (1 + 20 + 190 + 1140 + 4845) / 2^20 = 1.2 %, one more 4.1 %, and another 11.5 %.
  EXPECT_DOUBLE_EQ(order_statistics_median(twenty).interval.low, 6);
  EXPECT_DOUBLE_EQ(order_statistics_median(twenty).interval.high, 15);
}

}  // namespace
}  // namespace linnet::rig
