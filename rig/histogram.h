// A histogram of durations with buckets that grow with the value.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace linnet::rig {

// Of nanoseconds. A value below 128 is counted as it is; above, every power of two is cut into 64 buckets of one
// width, so that what is said of a value is within 1/128 (0.8 %) of it. All of 64 bits; some 30 KiB at most.
class Histogram {
 public:
  using Buckets = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

  Histogram() = default;
  // What buckets() and max() of another one gave.
  Histogram(const Buckets& buckets, std::uint64_t max);

  void record(std::uint64_t nanoseconds) { add(nanoseconds, 1); }
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Exact.
  [[nodiscard]] std::uint64_t max() const { return max_; }
  // Of the buckets' middles; 0 when it is empty.
  [[nodiscard]] double mean() const;
  // The smallest value that `share` (0..1) of all are not above, nearest rank; 0 when it is empty.
  [[nodiscard]] std::uint64_t value_at(double share) const;
  // The middle of every bucket that holds anything, ascending, with its count.
  [[nodiscard]] Buckets buckets() const;

 private:
  void add(std::uint64_t nanoseconds, std::uint64_t count);

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace linnet::rig
