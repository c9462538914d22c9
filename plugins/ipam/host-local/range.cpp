#include "plugins/ipam/host-local/range.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::host_local {

namespace {

// IPv4-mapped IPv6 addresses, ::ffff:0:0/96.
constexpr Number kMapped = Number{0xffff} << 32U;

[[noreturn]] void fail(std::string_view path, std::string_view key, std::string_view problem) {
  throw cni::Error(cni::Code::kInvalidNetworkConfig, concat("\"", path, key, "\": ", problem));
}

// A given start or end, which must lie inside the subnet.
Number bound(const RangeInput& input, const std::optional<IpAddress>& given, std::string_view key,
             Number otherwise) {
  if (!given) {
    return otherwise;
  }
  if (!input.subnet.contains(*given)) {
    fail(input.path, key,
         concat(given->text(), " not in network ", input.subnet.text(), "; give an address of ",
                input.subnet.first().text(), "-", input.subnet.last().text()));
  }
  return to_number(*given);
}

// The addresses from which the defaults of a subnet follow.
struct Defaults {
  Interval span;
  std::optional<IpAddress> gateway;
};

Defaults defaults_of(const Cidr& subnet) {
  const Interval all = {to_number(subnet.first()), to_number(subnet.last())};
  if (subnet.prefix_length() == subnet.address().bits()) {
    return {all, std::nullopt};
  }
  if (subnet.prefix_length() + 1 == subnet.address().bits()) {
    return {all, subnet.first()};
  }
  return {{all.first + 1, subnet.is_ipv4() ? all.last - 1 : all.last}, subnet.first().next()};
}

}  // namespace

Number to_number(const IpAddress& address) {
  Number number = 0;
  for (const unsigned char byte : address.bytes()) {
    number = number << 8U | byte;
  }
  return address.is_ipv4() ? number | kMapped : number;
}

IpAddress to_address(Number number) {
  std::array<unsigned char, 16> bytes{};
  for (std::size_t i = bytes.size(); i-- > 0; number >>= 8U) {
    bytes[i] = static_cast<unsigned char>(number & 0xffU);
  }
  return *IpAddress::from_bytes(bytes);
}

std::string number_text(Number number) {
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(number % 10));
    number /= 10;
  } while (number != 0);
  std::ranges::reverse(digits);
  return digits;
}

Range::Range(const RangeInput& input) : subnet_(input.subnet), exclude_(input.exclude) {
  if (subnet_ != subnet_.network()) {
    fail(input.path, ".subnet",
         concat("Network has host bits set. For a subnet mask of length ", subnet_.prefix_length(),
                " the network address is ", subnet_.first().text()));
  }
  const Defaults defaults = defaults_of(subnet_);
  span_ = {bound(input, input.start, ".rangeStart", defaults.span.first),
           bound(input, input.end, ".rangeEnd", defaults.span.last)};
  if (span_.first > span_.last) {
    fail(input.path, input.end ? ".rangeEnd" : ".rangeStart",
         concat("the range ", text(), " is empty: rangeStart comes after rangeEnd"));
  }
  gateway_ = input.gateway ? input.gateway : defaults.gateway;
  if (gateway_ && gateway_->family() != subnet_.family()) {
    fail(input.path, ".gateway",
         concat(gateway_->text(), " is of another address family than ", subnet_.text()));
  }
  for (const Cidr& excluded : exclude_) {
    block({to_number(excluded.first()), to_number(excluded.last())});
  }
}

std::string Range::text() const {
  return concat(to_address(span_.first).text(), "-", to_address(span_.last).text());
}

bool Range::excludes(const IpAddress& address) const {
  return std::ranges::any_of(exclude_,
                             [&](const Cidr& excluded) { return excluded.contains(address); });
}

void Range::block(Interval interval) {
  if (interval.last < span_.first || interval.first > span_.last) {
    return;
  }
  interval = {std::max(interval.first, span_.first), std::min(interval.last, span_.last)};
  std::vector<Interval> merged;
  for (const Interval& other : blocked_) {
    if (other.last < interval.first || other.first > interval.last) {
      merged.push_back(other);
    } else {
      interval = {std::min(interval.first, other.first), std::max(interval.last, other.last)};
    }
  }
  merged.push_back(interval);
  std::ranges::sort(merged, {}, &Interval::first);
  blocked_ = std::move(merged);
}

std::vector<Interval> Range::usable(Interval part) const {
  std::vector<Interval> result;
  for (const Interval& blocked : blocked_) {
    if (blocked.last < part.first) {
      continue;
    }
    if (blocked.first > part.last) {
      break;
    }
    if (blocked.first > part.first) {
      result.push_back({part.first, blocked.first - 1});
    }
    if (blocked.last >= part.last) {
      return result;
    }
    part.first = blocked.last + 1;
  }
  result.push_back(part);
  return result;
}

Number Range::capacity() const {
  Number count = 0;
  for (const Interval& interval : usable(span_)) {
    count += interval.last - interval.first + 1;
  }
  return count;
}

RangeSet::RangeSet(std::vector<Range> ranges, std::string_view path) : ranges_(std::move(ranges)) {
  if (ranges_.empty()) {
    fail(path, "", "empty range set, give at least one range with a subnet");
  }
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].subnet().family() != family()) {
      fail(path, "",
           "mixed address families; a set yields one address, so give IPv4 and IPv6 a set each");
    }
    for (std::size_t k = 0; k < i; ++k) {
      const Interval& a = ranges_[i].span();
      const Interval& b = ranges_[k].span();
      if (a.first <= b.last && b.first <= a.last) {
        fail(path, "", concat("range ", ranges_[i].text(), " overlaps with ", ranges_[k].text()));
      }
    }
  }
  bool any = false;
  for (Range& range : ranges_) {
    for (const Range& other : ranges_) {
      if (other.gateway()) {
        range.block({to_number(*other.gateway()), to_number(*other.gateway())});
      }
    }
    any = any || !range.usable(range.span()).empty();
  }
  if (!any) {
    fail(path, "",
         concat("nothing to lease in ", text(), ": every address is the gateway or excluded"));
  }
}

const Range* RangeSet::find(const IpAddress& address) const {
  for (const Range& range : ranges_) {
    if (range.contains(address)) {
      return &range;
    }
  }
  return nullptr;
}

bool RangeSet::is_gateway(const IpAddress& address) const {
  return std::ranges::any_of(ranges_,
                             [&](const Range& range) { return range.gateway() == address; });
}

bool RangeSet::overlaps(const RangeSet& other) const {
  for (const Range& a : ranges_) {
    for (const Range& b : other.ranges_) {
      if (a.span().first <= b.span().last && b.span().first <= a.span().last) {
        return true;
      }
    }
  }
  return false;
}

std::string RangeSet::text() const {
  std::string out;
  for (const Range& range : ranges_) {
    if (!out.empty()) {
      out += ',';
    }
    out += range.text();
  }
  return out;
}

std::vector<Interval> RangeSet::round_robin(const std::optional<IpAddress>& last) const {
  std::vector<Interval> order;
  const auto append = [&](const Range& range, Interval part) {
    const std::vector<Interval> usable = range.usable(part);
    order.insert(order.end(), usable.begin(), usable.end());
  };
  const Range* const current = last ? find(*last) : nullptr;
  if (current == nullptr) {
    for (const Range& range : ranges_) {
      append(range, range.span());
    }
    return order;
  }
  const Number at = to_number(*last);
  if (at < current->span().last) {
    append(*current, {at + 1, current->span().last});
  }
  const auto index = static_cast<std::size_t>(current - ranges_.data());
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    const Range& range = ranges_[(index + i) % ranges_.size()];
    append(range, range.span());
  }
  append(*current, {current->span().first, at});
  return order;
}

}  // namespace linnet::host_local
