// Address ranges and what of them may be leased. Arithmetic only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"

namespace linnet::host_local {

// An address of either family as a number: IPv4 as its IPv4-mapped IPv6 address, so that the
// families never meet.
__extension__ typedef unsigned __int128 Number;

[[nodiscard]] Number to_number(const IpAddress& address);
[[nodiscard]] IpAddress to_address(Number number);
// Decimal digits.
[[nodiscard]] std::string number_text(Number number);

// Addresses from first to last, both included.
struct Interval {
  Number first = 0;
  Number last = 0;
  [[nodiscard]] bool contains(Number number) const { return first <= number && number <= last; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

// A range as a configuration gives it.
struct RangeInput {
  Cidr subnet;
  std::optional<IpAddress> start;
  std::optional<IpAddress> end;
  std::optional<IpAddress> gateway;
  std::vector<Cidr> exclude;
  std::string path;  // its name in messages: "ipam.ranges[0][1]"
};

// One range, completed and checked. Source: reference.md 3.11; RFC 3021 and RFC 6164 for a prefix
// one bit shorter than the address, whose first address is an address like the other.
//
//   prefix        start, end when not given          gateway when not given
//   /31, /127     both addresses                     the first address
//   /32, /128     the address itself                 none
//   shorter       network + 1 to broadcast - 1       network + 1
//                 (IPv4) or to the last (IPv6)
class Range {
 public:
  // Throws cni::Error(kInvalidNetworkConfig) that names `input.path`.
  explicit Range(const RangeInput& input);

  [[nodiscard]] const Cidr& subnet() const { return subnet_; }
  [[nodiscard]] const std::optional<IpAddress>& gateway() const { return gateway_; }
  [[nodiscard]] bool contains(const IpAddress& address) const {
    return span_.contains(to_number(address));
  }
  [[nodiscard]] const Interval& span() const { return span_; }
  // How messages show it: "10.1.0.1-10.1.0.254".
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool excludes(const IpAddress& address) const;
  // Takes addresses out of the range; parts outside of it do not matter.
  void block(Interval interval);
  // The part of `part` that may be leased, as disjoint intervals in ascending order. `part` lies
  // within span().
  [[nodiscard]] std::vector<Interval> usable(Interval part) const;
  // How many addresses of the range may be leased.
  [[nodiscard]] Number capacity() const;

 private:
  Cidr subnet_;
  Interval span_;
  std::optional<IpAddress> gateway_;
  std::vector<Cidr> exclude_;
  std::vector<Interval> blocked_;  // ascending, disjoint, within span_
};

// Ranges of one family that share one address of an attachment. No gateway of any of them is
// leased.
class RangeSet {
 public:
  // Throws cni::Error(kInvalidNetworkConfig): no range, two families, ranges that overlap, or no
  // address left to lease. `path` is the set's name in messages.
  RangeSet(std::vector<Range> ranges, std::string_view path);

  [[nodiscard]] std::span<const Range> ranges() const { return ranges_; }
  [[nodiscard]] Family family() const { return ranges_.front().subnet().family(); }
  // The range that holds `address`, null when none does.
  [[nodiscard]] const Range* find(const IpAddress& address) const;
  [[nodiscard]] bool is_gateway(const IpAddress& address) const;
  [[nodiscard]] bool overlaps(const RangeSet& other) const;
  // "A-B,C-D".
  [[nodiscard]] std::string text() const;

  // What may be leased, in the order of round robin: from the address after `last` on, through the
  // following ranges, around to `last` itself. From the start of the first range when `last` is
  // absent or in none of the ranges.
  [[nodiscard]] std::vector<Interval> round_robin(const std::optional<IpAddress>& last) const;

 private:
  std::vector<Range> ranges_;
};

}  // namespace linnet::host_local
