#include "netlink/tc.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/tc.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "netlink/conversation.h"
#include "netlink/internal/libnl.h"
#include "netlink/internal/libnl_gaps.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

using nl::QdiscObject;

constexpr std::uint32_t kRootHandle = 0x10000;        // 1:
constexpr std::uint32_t kIngressHandle = 0xffff0000;  // ffff:
// A tick is 64 ns: PSCHED_SHIFT of net/pkt_sched.h.
constexpr std::uint64_t kTicksASecond = 15'625'000;

// The kernel counts the time of a burst in nanoseconds with a multiplier of its own; the reference plugin
// counts it in microseconds.
constexpr std::uint32_t kRoundingTicks = 32;

// `kind` is left out where libnl would write options of its own for it.
QdiscObject qdisc_object(int link, std::uint32_t parent, std::uint32_t handle,
                         const char* kind = nullptr) {
  QdiscObject object = nl::own<QdiscObject>(rtnl_qdisc_alloc());
  rtnl_tc* const tc = TC_CAST(object.get());
  rtnl_tc_set_ifindex(tc, link);
  rtnl_tc_set_parent(tc, parent);
  rtnl_tc_set_handle(tc, handle);
  if (kind != nullptr) {
    nl::require(rtnl_tc_set_kind(tc, kind), "name a queueing discipline");
  }
  return object;
}

void append_removal(Batch& batch, const QdiscObject& object, const std::string& what) {
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_qdisc_build_delete_request(object.get(),
                                                                               message);
                                      }),
             what);
}

std::uint64_t ticks_of(std::uint32_t bytes, std::uint64_t rate) {
  return bytes * kTicksASecond / rate;
}

// Every packet is handed to the link `to`.
nl::ActionObject redirect_object(int to) {
  nl::ActionObject action = nl::own<nl::ActionObject>(rtnl_act_alloc());
  constexpr std::string_view kWhat = "make an action that redirects";
  nl::require(rtnl_tc_set_kind(TC_CAST(action.get()), "mirred"), kWhat);
  nl::require(rtnl_mirred_set_action(action.get(), TCA_EGRESS_REDIR), kWhat);
  nl::require(rtnl_mirred_set_policy(action.get(), TC_ACT_STOLEN), kWhat);
  nl::require(rtnl_mirred_set_ifindex(action.get(), static_cast<std::uint32_t>(to)), kWhat);
  return action;
}

// The link that the filter's first action hands every packet to.
std::optional<int> redirection_of(rtnl_cls* filter) {
  rtnl_act* const action = rtnl_u32_get_action(filter);  // still the filter's
  const char* kind = action == nullptr ? nullptr : rtnl_tc_get_kind(TC_CAST(action));
  if (kind == nullptr || std::string_view(kind) != "mirred" ||
      rtnl_mirred_get_action(action) != TCA_EGRESS_REDIR) {
    return std::nullopt;
  }
  return static_cast<int>(rtnl_mirred_get_ifindex(action));
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
  const std::string what = concat("limit ", link_name, " to ", bucket.rate,
                                  " bytes per second with a burst of ", bucket.burst, " bytes");
  const QdiscObject object = qdisc_object(link, TC_H_ROOT, kRootHandle);
  const nl::Message message = nl::build_message(what, [&](nl_msg** built) {
    return rtnl_qdisc_build_add_request(object.get(), NLM_F_CREATE | NLM_F_REPLACE, built);
  });
  nl::require(nla_put_string(message.get(), TCA_KIND, "tbf"), what);
  nl::add_token_bucket(message, bucket,
                       static_cast<std::uint32_t>(ticks_of(bucket.burst, bucket.rate)));
  nl::append(batch, message, what);
}

void remove_token_bucket(Batch& batch, int link, std::string_view link_name) {
  append_removal(batch, qdisc_object(link, TC_H_ROOT, kRootHandle, "tbf"),
                 concat("remove the limit of ", link_name));
}

void add_ingress(Batch& batch, int link, std::string_view link_name) {
  const std::string what = concat("add an ingress queueing discipline to ", link_name);
  const QdiscObject object = qdisc_object(link, TC_H_INGRESS, kIngressHandle, "ingress");
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_qdisc_build_add_request(
                                            object.get(), NLM_F_CREATE | NLM_F_EXCL, message);
                                      }),
             what);
}

void remove_ingress(Batch& batch, int link, std::string_view link_name) {
  append_removal(batch, qdisc_object(link, TC_H_INGRESS, kIngressHandle, "ingress"),
                 concat("remove the ingress queueing discipline of ", link_name));
}

void redirect_ingress(Batch& batch, int link, int to, std::string_view link_name) {
  const std::string what = concat("redirect what ", link_name, " receives to link ", to);
  const nl::FilterObject filter = nl::own<nl::FilterObject>(rtnl_cls_alloc());
  rtnl_tc* const tc = TC_CAST(filter.get());
  rtnl_tc_set_ifindex(tc, link);
  rtnl_tc_set_parent(tc, kIngressHandle);
  rtnl_cls_set_prio(filter.get(), 1);
  rtnl_cls_set_protocol(filter.get(), ETH_P_ALL);
  // Kernels have had u32 for longer than matchall, and some are built without matchall.
  nl::require(rtnl_tc_set_kind(tc, "u32"), what);
  nl::require(rtnl_u32_add_key(filter.get(), 0, 0, 0, 0), what);
  nl::require(rtnl_u32_set_cls_terminal(filter.get()), what);
  nl::require(rtnl_u32_add_action(filter.get(), redirect_object(to).get()), what);
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_cls_build_add_request(
                                            filter.get(), NLM_F_CREATE | NLM_F_EXCL, message);
                                      }),
             what);
}

std::optional<Qdisc> parse_qdisc(const nlmsghdr* message) {
  const nl::Object object =
      nl::header_of<tcmsg>(message, RTM_NEWQDISC) != nullptr ? nl::parse(message) : nullptr;
  if (!object) {
    return std::nullopt;
  }
  rtnl_tc* const read = TC_CAST(object.get());
  Qdisc qdisc{.kind = rtnl_tc_get_kind(read), .handle = rtnl_tc_get_handle(read)};
  if (qdisc.kind == "tbf") {
    qdisc.token_bucket = nl::read_token_bucket(message).value_or(TokenBucketState{});
  }
  return qdisc;
}

std::optional<IngressFilter> parse_ingress_filter(const nlmsghdr* message) {
  const nl::Object object =
      nl::header_of<tcmsg>(message, RTM_NEWTFILTER) != nullptr ? nl::parse(message) : nullptr;
  if (!object || !nl::has_tc_options(message)) {
    return std::nullopt;
  }
  auto* const read = reinterpret_cast<rtnl_cls*>(object.get());
  IngressFilter filter{.kind = rtnl_tc_get_kind(TC_CAST(read))};
  if (filter.kind == "u32") {
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
    int offset = 0;
    int offset_mask = 0;
    // A hash table has no selector.
    if (rtnl_u32_get_key(read, 0, &value, &mask, &offset, &offset_mask) == -NLE_INVAL) {
      return std::nullopt;
    }
    filter.redirect_to = redirection_of(read);
  }
  return filter;
}

}  // namespace linnet::netlink
