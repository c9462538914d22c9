// Traffic control: the queueing disciplines and the filter that limit the rate of a link, both ways.
// Source: tc(8), tc-tbf(8), tc-u32(8), tc-mirred(8), linux/pkt_sched.h, linux/pkt_cls.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linnet::netlink {

class Batch;

// A limit on what a link sends.
struct TokenBucket {
  std::uint64_t rate = 0;   // bytes a second, not 0
  std::uint32_t burst = 0;  // bytes that may pass at once, not 0
  std::uint32_t limit = 0;  // bytes that may wait; more is dropped
  friend bool operator==(const TokenBucket&, const TokenBucket&) = default;
};

// A token bucket as the kernel reports it: the burst as the time it takes at the rate, in ticks of 64 ns,
// of which only the last 32 bits are told (275 s).
struct TokenBucketState {
  std::uint64_t rate = 0;         // bytes a second
  std::uint32_t burst_ticks = 0;  // 64 ns
  std::uint32_t limit = 0;        // bytes
};

// Whether `state` is that of `wanted`, but for what rounding may have done to the burst.
[[nodiscard]] bool shows(const TokenBucketState& state, const TokenBucket& wanted);
// What makes that state again, but for rounding, and for bursts of more than 275 s.
[[nodiscard]] TokenBucket as_token_bucket(const TokenBucketState& state);

// The queueing discipline at one of a link's two hooks.
struct Qdisc {
  std::string kind;          // "tbf", "fq_codel", "ingress", "clsact", …
  std::uint32_t handle = 0;  // 0: made by the kernel itself
  std::optional<TokenBucketState> token_bucket = {};
};

// A filter of what a link receives.
struct IngressFilter {
  std::string kind;  // "u32", "bpf", …
  std::optional<int> redirect_to =
      {};  // index of the link that gets the packets; 0: one that is gone
};

// Makes the token bucket the link's root queueing discipline, handle 1:, or gives the one that is there the
// new values; queued packets stay.
void set_token_bucket(Batch& batch, int link, const TokenBucket& bucket,
                      std::string_view link_name);
// ENOENT or EINVAL when the root is anything but a token bucket with the handle 1:.
void remove_token_bucket(Batch& batch, int link, std::string_view link_name);

// The hook for filters of what the link receives. EEXIST when the link has one.
void add_ingress(Batch& batch, int link, std::string_view link_name);
// With its filters. ENOENT or EINVAL when the link has none of this kind.
void remove_ingress(Batch& batch, int link, std::string_view link_name);
// Everything that `link` receives leaves through the queueing discipline of `to` first, an ifb, and is then
// received on `link`. Needs add_ingress().
void redirect_ingress(Batch& batch, int link, int to, std::string_view link_name);

}  // namespace linnet::netlink
