#include "plugins/meta/bandwidth/config.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::bandwidth {

namespace {

using cni::ObjectReader;

constexpr std::uint64_t kBits = 8;  // of a byte
constexpr std::uint64_t kLargestBytes = std::numeric_limits<std::uint32_t>::max();
constexpr std::array<std::string_view, 4> kKeys = {"ingressRate", "ingressBurst", "egressRate",
                                                   "egressBurst"};

// 0 when it is not given.
std::uint64_t read_bits(ObjectReader& reader, std::string_view key) {
  const std::int64_t bits =
      reader.integer(key, 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
  if (bits != 0 && static_cast<std::uint64_t>(bits) < kBits) {
    reader.fail(key, concat("expected 0 or at least 8 bits, got ", bits));
  }
  return static_cast<std::uint64_t>(bits);
}

std::optional<netlink::TokenBucket> read_limit(ObjectReader& reader, std::string_view rate_key,
                                               std::string_view burst_key) {
  const std::uint64_t rate = read_bits(reader, rate_key);
  const std::uint64_t burst = read_bits(reader, burst_key);
  if (rate != 0 && burst == 0) {
    reader.fail(burst_key, concat("missing: if rate is set, burst must also be set (\"",
                                  reader.name_of(rate_key), "\" is ", rate, ')'));
  }
  if (rate == 0 && burst != 0) {
    reader.fail(rate_key, concat("missing: if burst is set, rate must also be set (\"",
                                 reader.name_of(burst_key), "\" is ", burst, ')'));
  }
  if (burst / kBits >= kLargestBytes) {
    reader.fail(burst_key, concat("burst cannot be more than 4GB (", kLargestBytes * kBits,
                                  " bits), got ", burst, " bits"));
  }
  return rate == 0 ? std::nullopt : std::optional(token_bucket_of(rate, burst));
}

Limits read_limits(ObjectReader& reader) {
  Limits limits;
  limits.ingress = read_limit(reader, kKeys[0], kKeys[1]);
  limits.egress = read_limit(reader, kKeys[2], kKeys[3]);
  return limits;
}

}  // namespace

netlink::TokenBucket token_bucket_of(std::uint64_t rate, std::uint64_t burst) {
  constexpr std::uint64_t kQueuesASecond = 40;
  const std::uint64_t bytes = burst / kBits;
  return {.rate = rate / kBits,
          .burst = static_cast<std::uint32_t>(bytes),
          .limit = static_cast<std::uint32_t>(
              std::min(rate / kBits / kQueuesASecond + bytes, kLargestBytes))};
}

Limits parse_limits(const cni::Request& request, const cni::NetConf& conf) {
  ObjectReader reader(conf.json, "");
  const bool given = std::ranges::any_of(
      kKeys, [&](std::string_view key) { return cni::find_key(conf.json, key) != nullptr; });
  const cni::Json* dynamic = reader.object("runtimeConfig");
  if (given || dynamic == nullptr) {
    return read_limits(reader);
  }
  const cni::Json* own = ObjectReader(*dynamic, "runtimeConfig").object("bandwidth");
  if (own == nullptr) {
    return {};
  }
  ObjectReader from_runtime(*own, "runtimeConfig.bandwidth");
  const Limits limits = read_limits(from_runtime);
  if (request.verb == cni::Verb::kAdd) {
    for (const std::string& warning : from_runtime.unknown_keys({})) {
      log_warning(warning);
    }
  }
  return limits;
}

}  // namespace linnet::bandwidth
