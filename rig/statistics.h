// What is said of repeated measurements. No kernel.
#pragma once

#include <cstdint>
#include <vector>

namespace linnet::rig {

// Of values that are not empty. An even number of them: the mean of the two in the middle.
[[nodiscard]] double median(std::vector<double> values);

struct Interval {
  double low = 0;
  double high = 0;
  [[nodiscard]] bool covers(double value) const { return low <= value && value <= high; }
};

struct Estimate {
  double value = 0;
  Interval interval;  // 95 %
};

// The median of values that are not empty and its percentile bootstrap interval: `resamples` times as many
// values drawn with replacement. The same seed gives the same interval.
// Source: Efron, Tibshirani, An Introduction to the Bootstrap, chapter 13.
[[nodiscard]] Estimate bootstrap_median(const std::vector<double>& values, std::uint64_t seed,
                                        int resamples = 1000);

// Values in the rounds that they were measured in. What all values of a round have in common, such as where the
// kernel put a connection's memory, is no chance within the round.
using Rounds = std::vector<std::vector<double>>;

[[nodiscard]] std::vector<double> all_of(const Rounds& rounds);

// As bootstrap_median, of all values of all rounds, none of which is empty: draws as many rounds with replacement,
// and from each as many values.
// Source: Davison, Hinkley, Bootstrap Methods and their Application, section 3.8.
[[nodiscard]] Estimate bootstrap_median(const Rounds& rounds, std::uint64_t seed,
                                        int resamples = 1000);

// The quotient of the medians of two measurements that have nothing to do with each other, and its interval: both are
// drawn anew each time, rounds first.
[[nodiscard]] Estimate bootstrap_quotient(const Rounds& numerator, const Rounds& denominator,
                                          std::uint64_t seed, int resamples = 1000);

// The median of values that are not empty and the interval between two of them that holds it in 95 % of all cases
// or more, whatever they are distributed like; for few values, whose bootstrap interval is too narrow. From the
// smallest to the largest for fewer than kFewestForInterval.
// Source: Conover, Practical Nonparametric Statistics, section 3.2.
[[nodiscard]] Estimate order_statistics_median(std::vector<double> values);

// An interval of fewer values than this cannot hold the median in 95 % of all cases: that of five, from the
// smallest to the largest, holds it in 1 - 2 / 2^5.
inline constexpr std::size_t kFewestForInterval = 6;

// b[i] / a[i], without those whose a[i] is 0; both of one length. A round that nothing is left of is left out.
[[nodiscard]] std::vector<double> paired_ratios(const std::vector<double>& a,
                                                const std::vector<double>& b);
[[nodiscard]] Rounds paired_ratios(const Rounds& a, const Rounds& b);

}  // namespace linnet::rig
