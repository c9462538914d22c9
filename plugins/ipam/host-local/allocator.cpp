#include "plugins/ipam/host-local/allocator.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::host_local {

namespace {

// Why `address`, which lies in `set`, can never be leased; empty when it can.
std::string problem_with_request(const RangeSet& set, const IpAddress& address) {
  if (set.is_gateway(address)) {
    return concat("requested ip ", address.text(), " is subnet's gateway");
  }
  if (set.find(address)->excludes(address)) {
    return concat("requested ip ", address.text(), " is excluded from range set ", set.text());
  }
  return {};
}

bool may_keep(const RangeSet& set, const IpAddress& address) {
  return set.find(address) != nullptr && problem_with_request(set, address).empty();
}

const IndexedLease* find_lease(const std::vector<IndexedLease>& leases, const IpAddress& address) {
  const auto found = std::ranges::find(leases, to_number(address), &IndexedLease::address);
  return found == leases.end() ? nullptr : &*found;
}

[[noreturn]] void fail_for_set(std::size_t set, cni::Code code, std::string_view problem,
                               std::string details) {
  throw cni::Error(code, concat("failed to allocate for range ", set, ": ", problem),
                   std::move(details));
}

}  // namespace

Allocator::Allocator(Store& store, const Config& config, LiveNamespaces live)
    : store_(store), config_(config), live_(std::move(live)) {}

// Each set takes the first requested address that lies in it.
std::vector<std::optional<IpAddress>> Allocator::assign_requests() const {
  std::vector<IpAddress> open = config_.requested;
  std::vector<std::optional<IpAddress>> wanted(config_.sets.size());
  for (std::size_t i = 0; i < config_.sets.size(); ++i) {
    const RangeSet& set = config_.sets[i];
    const auto fitting = std::ranges::find_if(
        open, [&](const IpAddress& address) { return set.find(address) != nullptr; });
    if (fitting == open.end()) {
      continue;
    }
    wanted[i] = *fitting;
    open.erase(fitting);
    if (const std::string problem = problem_with_request(set, *wanted[i]); !problem.empty()) {
      fail_for_set(i, cni::Code::kInvalidNetworkConfig, problem, "ask for another address");
    }
  }
  if (!open.empty()) {
    std::vector<std::string> names;
    std::vector<std::string> sets;
    std::ranges::transform(open, std::back_inserter(names), &IpAddress::text);
    std::ranges::transform(config_.sets, std::back_inserter(sets), &RangeSet::text);
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        concat("failed to allocate all requested IPs: ", join(names, " ")),
        concat("each range set gives one address; the sets are ", join(sets, " and ")));
  }
  return wanted;
}

std::vector<cni::IpConfig> Allocator::allocate(const Owner& owner, std::uint64_t netns_inode) {
  const std::vector<std::optional<IpAddress>> wanted = assign_requests();
  Requester requester{owner, netns_inode, store_.leases_of(owner)};
  std::ranges::sort(requester.held, {}, &IndexedLease::address);
  Transaction undo;
  std::vector<cni::IpConfig> ips;
  for (std::size_t i = 0; i < config_.sets.size(); ++i) {
    const IpAddress address = allocate_from(i, wanted[i], requester, undo);
    const Range& range = *config_.sets[i].find(address);
    cni::IpConfig ip;
    ip.address = Cidr(address, range.subnet().prefix_length());
    ip.gateway = range.gateway();
    ips.push_back(ip);
  }
  settle(ips, requester);
  undo.commit();
  return ips;
}

IpAddress Allocator::allocate_from(std::size_t set, const std::optional<IpAddress>& wanted,
                                   const Requester& requester, Transaction& undo) {
  const RangeSet& ranges = config_.sets[set];
  if (wanted) {
    if (find_lease(requester.held, *wanted) != nullptr || reserve(set, *wanted, requester, undo) ||
        (free_unreachable() && reserve(set, *wanted, requester, undo))) {
      return *wanted;
    }
    fail_for_set(set, cni::Code::kTryAgainLater,
                 concat("requested IP address ", wanted->text(), " is not available in range set ",
                        ranges.text()),
                 "another container has it; ask for another address or delete that container");
  }
  for (const IndexedLease& lease : requester.held) {
    if (const IpAddress address = to_address(lease.address); may_keep(ranges, address)) {
      return address;
    }
  }
  std::optional<IpAddress> address = take_free(set, requester, undo);
  if (!address && free_unreachable()) {
    address = take_free(set, requester, undo);
  }
  if (!address) {
    fail_for_set(set, cni::Code::kTryAgainLater,
                 concat("no IP addresses available in range set: ", ranges.text()),
                 fullness(ranges));
  }
  return *address;
}

bool Allocator::reserve(std::size_t set, const IpAddress& address, const Requester& requester,
                        Transaction& undo) {
  if (!store_.reserve(to_number(address), requester.owner, requester.netns_inode)) {
    return false;
  }
  undo.undo_with(concat("release ", address.text()),
                 [store = &store_, owner = requester.owner, address] {
                   for (const IndexedLease& lease : store->leases_of(owner)) {
                     if (lease.address == to_number(address)) {
                       store->release(lease);
                     }
                   }
                 });
  store_.set_last_reserved(set, address);
  return true;
}

std::optional<IpAddress> Allocator::take_free(std::size_t set, const Requester& requester,
                                              Transaction& undo) {
  for (Interval interval : config_.sets[set].round_robin(store_.last_reserved(set))) {
    while (const std::optional<Number> free = store_.first_free(interval)) {
      const IpAddress address = to_address(*free);
      if (reserve(set, address, requester, undo)) {
        return address;
      }
      // Made by somebody who does not lock.
      if (*free == interval.last) {
        break;
      }
      interval.first = *free + 1;
    }
  }
  return std::nullopt;
}

// The leases the owner had before: those in the result become leases of its present namespace,
// others of the same sets have been replaced.
void Allocator::settle(const std::vector<cni::IpConfig>& ips, const Requester& requester) {
  for (const IndexedLease& lease : requester.held) {
    const IpAddress address = to_address(lease.address);
    const auto has_address = [&](const cni::IpConfig& ip) {
      return ip.address.address() == address;
    };
    if (std::ranges::any_of(ips, has_address)) {
      store_.renew(lease, requester.owner, requester.netns_inode);
    } else if (std::ranges::any_of(config_.sets, [&](const RangeSet& set) {
                 return set.find(address) != nullptr;
               })) {
      store_.release(lease);
    }
  }
}

std::vector<IndexedLease> Allocator::unreachable() {
  if (std::exchange(asked_, true)) {
    return {};
  }
  const std::optional<std::vector<std::uint64_t>> alive = live_();
  return alive ? store_.leases_outside(*alive) : std::vector<IndexedLease>();
}

bool Allocator::free_unreachable() {
  const std::vector<IndexedLease> leases = unreachable();
  for (const IndexedLease& lease : leases) {
    store_.release(lease);
  }
  if (!leases.empty()) {
    log_info(concat("freed ", leases.size(), " leases whose network namespace is gone"));
  }
  return !leases.empty();
}

std::string Allocator::fullness(const RangeSet& set) {
  std::vector<std::string> parts;
  for (const Range& range : set.ranges()) {
    std::uint64_t taken = 0;
    for (const Interval& interval : range.usable(range.span())) {
      taken += store_.count_taken(interval);
    }
    parts.push_back(concat(range.subnet().text(), ": ", taken, " of ",
                           number_text(range.capacity()), " addresses in use"));
  }
  return join(parts, ", ");
}

std::vector<std::string> Allocator::full_sets() {
  std::vector<std::string> problems;
  std::optional<std::vector<IndexedLease>> unreachable_leases;
  for (const RangeSet& set : config_.sets) {
    const std::vector<Interval> usable = set.round_robin(std::nullopt);
    if (std::ranges::any_of(usable, [&](const Interval& interval) {
          return store_.first_free(interval).has_value();
        })) {
      continue;
    }
    if (!unreachable_leases) {
      unreachable_leases = unreachable();
    }
    const bool reclaimable =
        std::ranges::any_of(*unreachable_leases, [&](const IndexedLease& lease) {
          return std::ranges::any_of(
              usable, [&](const Interval& interval) { return interval.contains(lease.address); });
        });
    if (!reclaimable) {
      problems.push_back(fullness(set));
    }
  }
  return problems;
}

}  // namespace linnet::host_local
