// The part of a GC that frees leases: only when no interface has their addresses any more.
#pragma once

#include <functional>
#include <optional>

#include "base/error_list.h"
#include "libcni/request.h"
#include "plugins/ipam/ipam.h"

namespace linnet::attach {

// An ADD makes its interface and then leases an address. With the store locked before the interfaces are looked
// at, a lease that is freed belongs to an interface that was seen. Errors go to `errors`, which outlives this.
class LeaseCollection {
 public:
  // Locks the leases where the IPAM plugin is of this build. Nothing is freed when that failed.
  LeaseCollection(const cni::Request& request, const cni::NetConf& conf, ErrorList& errors);

  // For interfaces that are in a container only: calls `remove` with the request of a DEL for each attachment that is
  // not valid and has a lease, while its namespace is alive. CNI_NETNS is that namespace, or another one that has got
  // its number since, so `remove` takes nothing that does not say whose it is. Behind an error the lease stays.
  void remove_from_containers(const std::function<void(const cni::Request&)>& remove);

  void free_leases();

 private:
  cni::Request request_;
  const cni::NetConf& conf_;
  ErrorList& errors_;
  std::optional<ipam::Call> leases_;  // absent: nothing is to be freed
};

}  // namespace linnet::attach
