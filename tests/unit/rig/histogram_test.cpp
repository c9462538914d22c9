#include "rig/histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace linnet::rig {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value) {
    histogram.record(value);
  }
  EXPECT_EQ(histogram.count(), 100U);
  EXPECT_EQ(histogram.value_at(0.5), 50U);
  EXPECT_EQ(histogram.value_at(0.99), 99U);
  EXPECT_EQ(histogram.value_at(1), 100U);
  EXPECT_EQ(histogram.value_at(0), 1U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
}

TEST(Histogram, IsWithinOnePartOf128OfEveryValue) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(0, 63.9);
  for (int i = 0; i < 4000; ++i) {
    const auto value = static_cast<std::uint64_t>(std::exp2(exponent(random)));
    Histogram histogram;
    histogram.record(value);
    const auto said = static_cast<double>(histogram.buckets().front().first);
    EXPECT_LE(std::abs(said - static_cast<double>(value)), static_cast<double>(value) / 128)
        << value;
  }
}

TEST(Histogram, TakesTheLargestValue) {
  Histogram histogram;
  histogram.record(std::numeric_limits<std::uint64_t>::max());
  histogram.record(0);
  EXPECT_EQ(histogram.max(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(histogram.value_at(0.5), 0U);
}

// Against the sorted values themselves.
TEST(Histogram, QuantilesAreThoseOfTheValues) {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> draw(10, 1);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 10000; ++i) {
    values.push_back(static_cast<std::uint64_t>(draw(random)));
    histogram.record(values.back());
  }
  std::ranges::sort(values);
  for (const auto& [share, index] : {std::pair{0.5, 4999}, {0.9, 8999}, {0.999, 9989}}) {
    const auto exact = static_cast<double>(values[static_cast<std::size_t>(index)]);
    EXPECT_NEAR(static_cast<double>(histogram.value_at(share)), exact, exact / 128);
  }
  EXPECT_EQ(histogram.value_at(1), std::min(histogram.value_at(1), values.back()));
}

TEST(Histogram, MergesAndComesBackFromItsBuckets) {
  Histogram a;
  Histogram b;
  a.record(5);
  b.record(5);
  b.record(1000);
  a.merge(b);
  EXPECT_THAT(a.buckets(), ElementsAre(Pair(5, 2), Pair(1004, 1)));
  EXPECT_EQ(a.max(), 1000U);
  const Histogram again(a.buckets(), a.max());
  EXPECT_EQ(again.buckets(), a.buckets());
  EXPECT_EQ(again.count(), 3U);
  EXPECT_DOUBLE_EQ(again.mean(), a.mean());
}

TEST(Histogram, OfNothingIsEmpty) {
  EXPECT_EQ(Histogram().value_at(0.5), 0U);
  EXPECT_EQ(Histogram().mean(), 0);
  EXPECT_TRUE(Histogram().buckets().empty());
}

}  // namespace
}  // namespace linnet::rig
