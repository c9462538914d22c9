#include "rig/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace linnet::rig {

namespace {

constexpr int kBits = 6;  // of the position within a power of two
constexpr std::uint64_t kBuckets = 1U << kBits;

// Values of up to kBits + 1 bits have a bucket each; of a longer one that many leading bits decide.
std::size_t bucket_of(std::uint64_t value) {
  const int shift = std::max(static_cast<int>(std::bit_width(value)) - (kBits + 1), 0);
  return static_cast<std::size_t>(shift) * kBuckets + static_cast<std::size_t>(value >> shift);
}

std::uint64_t middle_of(std::size_t bucket) {
  if (bucket < 2 * kBuckets) {
    return bucket;
  }
  const std::size_t shift = bucket / kBuckets - 1;
  const std::uint64_t low = (bucket - shift * kBuckets) << shift;
  return low + ((1ULL << shift) >> 1U);
}

}  // namespace

Histogram::Histogram(const Buckets& buckets, std::uint64_t max) {
  for (const auto& [middle, count] : buckets) {
    add(middle, count);
  }
  max_ = max;
}

void Histogram::add(std::uint64_t nanoseconds, std::uint64_t count) {
  const std::size_t bucket = bucket_of(nanoseconds);
  if (bucket >= counts_.size()) {
    counts_.resize(bucket + 1);
  }
  counts_[bucket] += count;
  count_ += count;
  max_ = std::max(max_, nanoseconds);
}

void Histogram::merge(const Histogram& other) {
  counts_.resize(std::max(counts_.size(), other.counts_.size()));
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    counts_[i] += other.counts_[i];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

double Histogram::mean() const {
  double sum = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    sum += static_cast<double>(counts_[i]) * static_cast<double>(middle_of(i));
  }
  return count_ == 0 ? 0 : sum / static_cast<double>(count_);
}

std::uint64_t Histogram::value_at(double share) const {
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      // The last bucket's middle may be above what was seen.
      return std::min(middle_of(i), max_);
    }
  }
  return 0;
}

Histogram::Buckets Histogram::buckets() const {
  Buckets filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) {
      filled.emplace_back(middle_of(i), counts_[i]);
    }
  }
  return filled;
}

}  // namespace linnet::rig
