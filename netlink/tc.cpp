#include "netlink/tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "netlink/message.h"
#include "netlink/parse.h"
#include "netlink/socket.h"

namespace linnet::netlink {

namespace {

constexpr std::uint32_t kRootHandle = 0x10000;        // 1:
constexpr std::uint32_t kIngressHandle = 0xffff0000;  // ffff:
// A tick is 64 ns: PSCHED_SHIFT of net/pkt_sched.h.
constexpr std::uint64_t kTicksASecond = 15'625'000;

// The kernel counts the time of a burst in nanoseconds with a multiplier of its own; the reference plugin
// counts it in microseconds.
constexpr std::uint32_t kRoundingTicks = 32;

template <typename T>
std::span<const unsigned char> bytes_of(const T& value) {
  return {reinterpret_cast<const unsigned char*>(&value), sizeof value};
}

tcmsg header_of_link(int link, std::uint32_t parent, std::uint32_t handle = 0) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = link;
  header.tcm_parent = parent;
  header.tcm_handle = handle;
  return header;
}

std::uint64_t ticks_of(std::uint32_t bytes, std::uint64_t rate) {
  return bytes * kTicksASecond / rate;
}

Message qdisc_message(int type, int flags, const tcmsg& header, std::string_view kind) {
  Message message(type, flags);
  message.header(header).text(TCA_KIND, kind);
  return message;
}

TokenBucketState parse_token_bucket(std::span<const unsigned char> options) {
  const Attributes<TCA_TBF_MAX> attributes(options);
  const tc_tbf_qopt values = attributes.number<tc_tbf_qopt>(TCA_TBF_PARMS).value_or(tc_tbf_qopt{});
  return {.rate = attributes.number<std::uint64_t>(TCA_TBF_RATE64).value_or(values.rate.rate),
          .burst_ticks = values.buffer,
          .limit = values.limit};
}

// The link that the first action hands every packet to.
std::optional<int> parse_redirect(std::span<const unsigned char> actions) {
  const Attributes<TCA_ACT_MAX> action(Attributes<1>(actions).bytes(1));
  const Attributes<TCA_MIRRED_MAX> options(action.bytes(TCA_ACT_OPTIONS));
  const std::optional<tc_mirred> mirred = options.number<tc_mirred>(TCA_MIRRED_PARMS);
  if (action.text(TCA_ACT_KIND) != "mirred" || !mirred || mirred->eaction != TCA_EGRESS_REDIR) {
    return std::nullopt;
  }
  return static_cast<int>(mirred->ifindex);
}

}  // namespace

bool shows(const TokenBucketState& state, const TokenBucket& wanted) {
  const std::uint64_t ticks = ticks_of(wanted.burst, wanted.rate);
  const auto off = static_cast<std::int32_t>(state.burst_ticks - static_cast<std::uint32_t>(ticks));
  const std::uint64_t tolerated = kRoundingTicks + ticks / 1000;
  return state.rate == wanted.rate && state.limit == wanted.limit &&
         static_cast<std::uint64_t>(std::abs(std::int64_t{off})) <= tolerated;
}

TokenBucket as_token_bucket(const TokenBucketState& state) {
  const double burst = static_cast<double>(state.burst_ticks) * static_cast<double>(state.rate) /
                       static_cast<double>(kTicksASecond);
  constexpr double kLargest = std::numeric_limits<std::uint32_t>::max();
  return {.rate = state.rate,
          .burst = static_cast<std::uint32_t>(std::clamp(std::round(burst), 1.0, kLargest)),
          .limit = state.limit};
}

void set_token_bucket(Batch& batch, int link, const TokenBucket& bucket,
                      std::string_view link_name) {
  tc_tbf_qopt values{};
  // A rate that needs more than 32 bits stands in an attribute of its own.
  values.rate.rate = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bucket.rate, std::numeric_limits<std::uint32_t>::max()));
  values.rate.linklayer = TC_LINKLAYER_ETHERNET;
  values.limit = bucket.limit;
  values.buffer = static_cast<std::uint32_t>(ticks_of(bucket.burst, bucket.rate));
  Message message = qdisc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
                                  header_of_link(link, TC_H_ROOT, kRootHandle), "tbf");
  message.nest(TCA_OPTIONS, [&] {
    message.bytes(TCA_TBF_PARMS, bytes_of(values)).u32(TCA_TBF_BURST, bucket.burst);
    if (bucket.rate > std::numeric_limits<std::uint32_t>::max()) {
      message.bytes(TCA_TBF_RATE64, bytes_of(bucket.rate));
    }
  });
  batch.append(message, concat("limit ", link_name, " to ", bucket.rate,
                               " bytes a second with a burst of ", bucket.burst, " bytes"));
}

void remove_token_bucket(Batch& batch, int link, std::string_view link_name) {
  batch.append(qdisc_message(RTM_DELQDISC, 0, header_of_link(link, TC_H_ROOT, kRootHandle), "tbf"),
               concat("remove the limit of ", link_name));
}

void add_ingress(Batch& batch, int link, std::string_view link_name) {
  batch.append(qdisc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
                             header_of_link(link, TC_H_INGRESS, kIngressHandle), "ingress"),
               concat("add an ingress queueing discipline to ", link_name));
}

void remove_ingress(Batch& batch, int link, std::string_view link_name) {
  batch.append(
      qdisc_message(RTM_DELQDISC, 0, header_of_link(link, TC_H_INGRESS, kIngressHandle), "ingress"),
      concat("remove the ingress queueing discipline of ", link_name));
}

void redirect_ingress(Batch& batch, int link, int to, std::string_view link_name) {
  // The selector with one key behind it, whose mask is 0.
  std::array<unsigned char, sizeof(tc_u32_sel) + sizeof(tc_u32_key)> match{};
  tc_u32_sel selector{};
  selector.flags = TC_U32_TERMINAL;
  selector.nkeys = 1;
  std::memcpy(match.data(), &selector, sizeof selector);
  tc_mirred redirect{};
  redirect.action = TC_ACT_STOLEN;
  redirect.eaction = TCA_EGRESS_REDIR;
  redirect.ifindex = static_cast<std::uint32_t>(to);
  tcmsg header = header_of_link(link, kIngressHandle);
  header.tcm_info = TC_H_MAKE(1U << 16U, htons(ETH_P_ALL));
  // u32, which kernels have longer than matchall, and some have without it.
  Message message = qdisc_message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, header, "u32");
  message.nest(TCA_OPTIONS, [&] {
    message.bytes(TCA_U32_SEL, match);
    message.nest(TCA_U32_ACT, [&] {
      message.nest(1, [&] {
        message.text(TCA_ACT_KIND, "mirred").nest(TCA_ACT_OPTIONS, [&] {
          message.bytes(TCA_MIRRED_PARMS, bytes_of(redirect));
        });
      });
    });
  });
  batch.append(message, concat("redirect what ", link_name, " receives to link ", to));
}

std::optional<Qdisc> parse_qdisc(const nlmsghdr* message) {
  const auto* header = header_of<tcmsg>(message, RTM_NEWQDISC);
  if (header == nullptr) {
    return std::nullopt;
  }
  const Attributes<TCA_MAX> attributes(message, sizeof *header);
  Qdisc qdisc{.kind = attributes.text(TCA_KIND), .handle = header->tcm_handle};
  if (qdisc.kind == "tbf") {
    qdisc.token_bucket = parse_token_bucket(attributes.bytes(TCA_OPTIONS));
  }
  return qdisc;
}

std::optional<IngressFilter> parse_ingress_filter(const nlmsghdr* message) {
  const auto* header = header_of<tcmsg>(message, RTM_NEWTFILTER);
  if (header == nullptr) {
    return std::nullopt;
  }
  const Attributes<TCA_MAX> attributes(message, sizeof *header);
  IngressFilter filter{.kind = attributes.text(TCA_KIND)};
  if (!attributes.has(TCA_OPTIONS)) {
    return std::nullopt;
  }
  if (filter.kind == "u32") {
    const Attributes<TCA_U32_MAX> options(attributes.bytes(TCA_OPTIONS));
    if (!options.has(TCA_U32_SEL)) {
      return std::nullopt;
    }
    filter.redirect_to = parse_redirect(options.bytes(TCA_U32_ACT));
  }
  return filter;
}

}  // namespace linnet::netlink
