#include "rig/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace linnet::rig {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) {
    return *middle;
  }
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

namespace {

using Random = std::mt19937_64;

// Appends as many values as there are, drawn with replacement.
void draw(const std::vector<double>& values, Random& random, std::vector<double>& sample) {
  std::uniform_int_distribution<std::size_t> pick(0, values.size() - 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    sample.push_back(values[pick(random)]);
  }
}

double drawn_median(const Rounds& rounds, Random& random, std::vector<double>& sample) {
  std::uniform_int_distribution<std::size_t> pick(0, rounds.size() - 1);
  sample.clear();
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    draw(rounds[pick(random)], random, sample);
  }
  return median(sample);
}

// Of what `once` gives each time.
template <typename Once>
Interval interval_of(std::uint64_t seed, int resamples, Once&& once) {
  Random random(seed);
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(resamples));
  for (int i = 0; i < resamples; ++i) {
    values.push_back(once(random));
  }
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace

Estimate bootstrap_median(const std::vector<double>& values, std::uint64_t seed, int resamples) {
  return bootstrap_median(Rounds{values}, seed, resamples);
}

Estimate bootstrap_median(const Rounds& rounds, std::uint64_t seed, int resamples) {
  std::vector<double> sample;
  return {median(all_of(rounds)), interval_of(seed, resamples, [&](Random& random) {
            return drawn_median(rounds, random, sample);
          })};
}

Estimate bootstrap_quotient(const Rounds& numerator, const Rounds& denominator, std::uint64_t seed,
                            int resamples) {
  std::vector<double> sample;
  return {median(all_of(numerator)) / median(all_of(denominator)),
          interval_of(seed, resamples, [&](Random& random) {
            const double above = drawn_median(numerator, random, sample);
            const double below = drawn_median(denominator, random, sample);
            return below == 0 ? std::numeric_limits<double>::infinity() : above / below;
          })};
}

Estimate order_statistics_median(std::vector<double> values) {
  std::ranges::sort(values);
  // P(the median is below the k-th smallest) is that of at most k - 1 heads in n throws of a coin.
  const std::size_t n = values.size();
  double heads = std::pow(0.5, static_cast<double>(n));
  double tail = heads;
  std::size_t outside = 0;  // values on each side that the interval leaves out
  for (std::size_t k = 1; 2 * k < n; ++k) {
    heads *= static_cast<double>(n - k + 1) / static_cast<double>(k);
    tail += heads;
    if (2 * tail > 0.05) {
      break;
    }
    outside = k;
  }
  return {median(values), {values[outside], values[n - 1 - outside]}};
}

std::vector<double> all_of(const Rounds& rounds) {
  std::vector<double> all;
  for (const std::vector<double>& round : rounds) {
    all.insert(all.end(), round.begin(), round.end());
  }
  return all;
}

Rounds paired_ratios(const Rounds& a, const Rounds& b) {
  Rounds ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (std::vector<double> of_round = paired_ratios(a[i], b[i]); !of_round.empty()) {
      ratios.push_back(std::move(of_round));
    }
  }
  return ratios;
}

std::vector<double> paired_ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] != 0) {
      ratios.push_back(b[i] / a[i]);
    }
  }
  return ratios;
}

}  // namespace linnet::rig
