// Choosing and reserving an attachment's addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/transaction.h"
#include "libcni/result.h"
#include "plugins/ipam/host-local/config.h"
#include "plugins/ipam/host-local/namespaces.h"
#include "plugins/ipam/host-local/store.h"

namespace linnet::host_local {

using LiveNamespaces = std::function<std::optional<std::vector<std::uint64_t>>()>;

class Allocator {
 public:
  // Works under the lock that `store` holds. Both must outlive the allocator. `live` is asked at
  // most once, when a set is full or a requested address is taken.
  Allocator(Store& store, const Config& config, LiveNamespaces live = live_network_namespaces);

  // One address of each set, in their order. What the owner holds already is kept; a requested
  // address comes first, then round robin. On any error the leases made by this call are removed
  // again, those from before stay. Throws cni::Error: kInvalidNetworkConfig for a requested address
  // that cannot be, kTryAgainLater for one that is taken and for a full set.
  [[nodiscard]] std::vector<cni::IpConfig> allocate(const Owner& owner, std::uint64_t netns_inode);

  // One sentence for each set from which allocate() could not serve a new owner, even after freeing
  // what it would free. Changes nothing.
  [[nodiscard]] std::vector<std::string> full_sets();

 private:
  struct Requester {
    Owner owner;
    std::uint64_t netns_inode = 0;
    std::vector<IndexedLease> held;  // ascending by address
  };

  [[nodiscard]] std::vector<std::optional<IpAddress>> assign_requests() const;
  [[nodiscard]] IpAddress allocate_from(std::size_t set, const std::optional<IpAddress>& wanted,
                                        const Requester& requester, Transaction& undo);
  [[nodiscard]] bool reserve(std::size_t set, const IpAddress& address, const Requester& requester,
                             Transaction& undo);
  [[nodiscard]] std::optional<IpAddress> take_free(std::size_t set, const Requester& requester,
                                                   Transaction& undo);
  void settle(const std::vector<cni::IpConfig>& ips, const Requester& requester);
  [[nodiscard]] std::vector<IndexedLease> unreachable();
  [[nodiscard]] bool free_unreachable();
  [[nodiscard]] std::string fullness(const RangeSet& set);

  Store& store_;
  const Config& config_;
  LiveNamespaces live_;
  bool asked_ = false;
};

}  // namespace linnet::host_local
