// A garbage collection of leases in two steps, so that interfaces can be removed in between.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "libcni/request.h"

namespace linnet::ipam {

// An attachment whose lease is to be freed while the network namespace that its ADD was called with is alive. Another
// namespace may have got that one's number since: what is in it says whose it is.
struct LeaseHolder {
  cni::AttachmentKey attachment;
  UniqueFd netns;
};

// Keeps others from the leases of the network until it is destroyed. Both throw the plugin's error.
struct Collection {
  std::function<std::vector<LeaseHolder>()> find_holders;
  // Frees the leases of all attachments that are neither valid nor in `kept`.
  std::function<void(std::span<const cni::AttachmentKey> kept)> free_leases;
};

}  // namespace linnet::ipam
