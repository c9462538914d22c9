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

// b[i] / a[i]; both of one length.
[[nodiscard]] std::vector<double> paired_ratios(const std::vector<double>& a,
                                                const std::vector<double>& b);

}  // namespace linnet::rig
