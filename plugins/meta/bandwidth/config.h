// The configuration of bandwidth, checked. No kernel.
#pragma once

#include <cstdint>
#include <optional>

#include "libcni/request.h"
#include "netlink/tc.h"

namespace linnet::bandwidth {

// Seen from the container: ingress is what it receives.
struct Limits {
  std::optional<netlink::TokenBucket> ingress = {};
  std::optional<netlink::TokenBucket> egress = {};

  [[nodiscard]] bool empty() const { return !ingress && !egress; }
};

// Keys of the configuration or, where it has none of them, of runtimeConfig.bandwidth. Throws cni::Error
// that names key, value and way out.
[[nodiscard]] Limits parse_limits(const cni::Request& request, const cni::NetConf& conf);

// Of bits a second and bits, at least 8 each. What waits longer than 25 ms behind the burst is dropped.
[[nodiscard]] netlink::TokenBucket token_bucket_of(std::uint64_t rate, std::uint64_t burst);

}  // namespace linnet::bandwidth
