#include "plugins/meta/bandwidth/limits.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/sha512.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::bandwidth {

namespace {

using netlink::IngressFilter;
using netlink::Link;
using netlink::RouteSocket;
using netlink::TokenBucket;

constexpr std::uint32_t kOwnRoot = 0x10000;  // 1:
// Of a packet besides what the MTU counts.
constexpr std::uint32_t kEthernetHeader = 14;

std::optional<netlink::TokenBucketState> find_token_bucket(RouteSocket& host, const Link& link) {
  const std::optional<netlink::Qdisc> root = host.find_root_qdisc(link.index);
  return root && root->handle == kOwnRoot ? root->token_bucket : std::nullopt;
}

// What the link itself is limited to.
std::optional<TokenBucket> find_limit(RouteSocket& host, const Link& link) {
  const auto state = find_token_bucket(host, link);
  return state && state->rate != 0 ? std::optional(netlink::as_token_bucket(*state)) : std::nullopt;
}

void warn_of_a_small_burst(const std::optional<TokenBucket>& bucket, std::string_view key,
                           const Link& end) {
  const std::uint32_t packet = end.mtu + kEthernetHeader;
  if (bucket && bucket->burst < packet) {
    log_warning(concat('"', key, "\": a burst of ", bucket->burst,
                       " bytes lets no packet pass that is larger, and those of ", end.name,
                       " may have ", packet, ": set it to at least ", packet * 8, " bits"));
  }
}

// Executes a batch of removals: what is gone, or is somebody else's, stays so.
void remove_all(RouteSocket& host, const netlink::Batch& batch) {
  if (batch.empty()) {
    return;
  }
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && acks[i].error != ENOENT && acks[i].error != EINVAL &&
        acks[i].error != ENODEV) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

// How the host's end hands over what it receives.
enum class Hook { kNone, kToIfb, kElsewhere };

Hook examine_hook(RouteSocket& host, const Link& end, const Present& present) {
  const std::optional<netlink::Qdisc> qdisc = host.find_ingress_qdisc(end.index);
  if (!qdisc) {
    return Hook::kNone;
  }
  const std::vector<IngressFilter> filters =
      qdisc->kind == "ingress" ? host.ingress_filters(end.index) : std::vector<IngressFilter>{};
  const auto goes_to = [](const IngressFilter& filter, const std::optional<Link>& link) {
    return link && filter.redirect_to == link->index;
  };
  const bool ours = std::ranges::all_of(filters, [&](const IngressFilter& filter) {
    return filter.redirect_to == 0 || goes_to(filter, present.ifb) ||
           goes_to(filter, present.reference_ifb);
  });
  if (qdisc->kind != "ingress" || !ours) {
    throw cni::Error(cni::Code::kInternal,
                     concat("something else filters what ", end.name, " receives (see `tc filter ",
                            "show dev ", end.name, " ingress`): remove it, or take egressRate and ",
                            "egressBurst out of the configuration"));
  }
  return filters.size() == 1 && goes_to(filters[0], present.ifb) ? Hook::kToIfb : Hook::kElsewhere;
}

Link create_ifb(RouteSocket& host, const Link& wanted) {
  netlink::Batch batch;
  netlink::create_device(batch, {.name = wanted.name,
                                 .kind = "ifb",
                                 .mac = wanted.mac,
                                 .mtu = wanted.mtu,
                                 .tx_queue_length = wanted.tx_queue_length,
                                 .up = true});
  if (!wanted.alias.empty()) {
    netlink::change_link(batch, {.name = wanted.name, .alias = wanted.alias});
  }
  host.execute(batch);
  return host.get_link(wanted.name);
}

Link add_ifb(RouteSocket& host, const attach::Attachment& attachment, const Link& end,
             Transaction& transaction) {
  const auto hash = sha512(concat("ifb mac\n", attach::owner_key(attachment)));
  Link wanted;
  wanted.name = ifb_name(attachment);
  wanted.mac = MacAddress::local_from(std::span(hash).first<6>());
  wanted.mtu = end.mtu;
  wanted.alias = attach::owner_alias(attachment);
  // Before the attempt: an answer that is lost may be that of a link that was made.
  transaction.undo_with(concat("remove ", wanted.name), [attachment] {
    RouteSocket socket;
    if (const std::optional<Link> ifb = find_present(socket, attachment, nullptr).ifb) {
      socket.remove_link_if_present(ifb->name);
    }
  });
  return create_ifb(host, wanted);
}

void put_limit(netlink::Batch& batch, const Link& link, const std::optional<TokenBucket>& bucket) {
  if (bucket) {
    netlink::set_token_bucket(batch, link.index, *bucket, link.name);
  } else {
    netlink::remove_token_bucket(batch, link.index, link.name);
  }
}

void put_hook(netlink::Batch& batch, const Link& end, const Link& ifb, Hook hook) {
  if (hook == Hook::kToIfb) {
    return;
  }
  if (hook == Hook::kElsewhere) {
    netlink::remove_ingress(batch, end.index, end.name);
  }
  netlink::add_ingress(batch, end.index, end.name);
  netlink::redirect_ingress(batch, end.index, ifb.index, end.name);
}

void undo_hook(Transaction& transaction, const Link& end) {
  transaction.undo_with(concat("remove the redirection of ", end.name), [end] {
    RouteSocket socket;
    netlink::Batch batch;
    netlink::remove_ingress(batch, end.index, end.name);
    remove_all(socket, batch);
  });
}

bool leads_to(const std::vector<IngressFilter>& filters, const Link& ifb) {
  return std::ranges::find(filters, ifb.index, &IngressFilter::redirect_to) != filters.end();
}

std::vector<IngressFilter> find_filters(RouteSocket& host, const Link& end) {
  const std::optional<netlink::Qdisc> qdisc = host.find_ingress_qdisc(end.index);
  return qdisc && qdisc->kind == "ingress" ? host.ingress_filters(end.index)
                                           : std::vector<IngressFilter>{};
}

// What an attachment is limited to before ADD changes it.
struct Earlier {
  struct Ifb {
    Link link;
    std::optional<TokenBucket> limit;
    bool used = false;  // what the end receives is redirected to it
  };
  Link end;
  std::optional<TokenBucket> ingress;
  std::vector<Ifb> ifbs;

  [[nodiscard]] bool redirects() const {
    return std::ranges::any_of(ifbs, [](const Ifb& ifb) { return ifb.used; });
  }
};

Earlier find_earlier(RouteSocket& host, const Link& end, const Present& present) {
  Earlier earlier{end, find_limit(host, end), {}};
  if (present.any_ifb() == nullptr) {
    return earlier;
  }
  const std::vector<IngressFilter> filters = find_filters(host, end);
  for (const std::optional<Link>* ifb : {&present.ifb, &present.reference_ifb}) {
    if (*ifb) {
      earlier.ifbs.push_back({**ifb, find_limit(host, **ifb), leads_to(filters, **ifb)});
    }
  }
  return earlier;
}

void restore_limit(RouteSocket& host, const Link& link, const std::optional<TokenBucket>& limit) {
  if (find_limit(host, link) != limit) {
    netlink::Batch batch;
    put_limit(batch, link, limit);
    remove_all(host, batch);
  }
}

void restore(RouteSocket& host, const Earlier& earlier) {
  const std::optional<Link> end = host.find_link(earlier.end.name);
  if (!end || end->index != earlier.end.index) {
    return;
  }
  restore_limit(host, *end, earlier.ingress);
  for (const Earlier::Ifb& before : earlier.ifbs) {
    const std::optional<Link> present = host.find_link(before.link.name);
    const Link ifb = present ? *present : create_ifb(host, before.link);
    restore_limit(host, ifb, before.limit);
    if (before.used && !leads_to(find_filters(host, *end), ifb)) {
      netlink::Batch batch;
      put_hook(batch, *end, ifb,
               host.find_ingress_qdisc(end->index) ? Hook::kElsewhere : Hook::kNone);
      host.execute(batch);
    }
  }
}

void undo_with_earlier(Transaction& transaction, const Earlier& earlier) {
  transaction.undo_with(concat("give ", earlier.end.name, " its old limits"), [earlier] {
    RouteSocket socket;
    restore(socket, earlier);
  });
}

// The egress limit, but for the old ifb of the reference, which stays until nothing leads to it.
Link apply_egress(RouteSocket& host, const attach::Attachment& attachment, const Link& end,
                  const Present& present, const Earlier& earlier, const TokenBucket& bucket,
                  Transaction& transaction) {
  if (present.name_taken) {
    throw cni::Error(cni::Code::kInternal,
                     concat("the host already has a link named ", ifb_name(attachment),
                            " that belongs to something else: remove it"));
  }
  const Hook hook = examine_hook(host, end, present);
  netlink::Batch batch;
  Link ifb;
  if (present.ifb) {
    ifb = *present.ifb;
    netlink::change_link(batch, {.index = ifb.index,
                                 .name = ifb.name,
                                 .up = true,
                                 .mtu = end.mtu,
                                 .alias = attach::owner_alias(attachment)});
  } else {
    ifb = add_ifb(host, attachment, end, transaction);
  }
  netlink::set_token_bucket(batch, ifb.index, bucket, ifb.name);
  put_hook(batch, end, ifb, hook);
  if (!earlier.redirects()) {
    undo_hook(transaction, end);
  }
  host.execute(batch);
  return ifb;
}

void check_bucket(RouteSocket& host, const Link& link, const TokenBucket& wanted,
                  attach::Problems& problems) {
  const auto state = find_token_bucket(host, link);
  if (!state) {
    problems.push_back(concat(link.name, " has no limit"));
  } else if (!netlink::shows(*state, wanted)) {
    const TokenBucket present = netlink::as_token_bucket(*state);
    problems.push_back(concat(link.name, " is limited to ", present.rate, " bytes a second (burst ",
                              present.burst, ", queue ", present.limit, "), not to ", wanted.rate,
                              " (burst ", wanted.burst, ", queue ", wanted.limit, ')'));
  }
}

}  // namespace

std::optional<Link> apply_limits(RouteSocket& host, const attach::Attachment& attachment,
                                 const Link& end, const Limits& limits, Transaction& transaction) {
  warn_of_a_small_burst(limits.ingress, "ingressBurst", end);
  warn_of_a_small_burst(limits.egress, "egressBurst", end);
  const Present present = find_present(host, attachment, nullptr);
  const Earlier earlier = find_earlier(host, end, present);
  undo_with_earlier(transaction, earlier);
  std::optional<Link> ifb;
  if (limits.egress) {
    ifb = apply_egress(host, attachment, end, present, earlier, *limits.egress, transaction);
  }
  if (limits.ingress) {
    netlink::Batch batch;
    put_limit(batch, end, limits.ingress);
    host.execute(batch);
  }
  // Last, so that most of what fails is a failure before anything was taken away.
  netlink::Batch unwanted;
  if (!limits.ingress && earlier.ingress) {
    netlink::remove_token_bucket(unwanted, end.index, end.name);
  }
  if (!limits.egress && present.any_ifb() != nullptr) {
    netlink::remove_ingress(unwanted, end.index, end.name);
  }
  if (!limits.egress && present.ifb) {
    netlink::remove_link(unwanted, present.ifb->index, present.ifb->name);
  }
  if (present.reference_ifb) {
    netlink::remove_link(unwanted, present.reference_ifb->index, present.reference_ifb->name);
  }
  remove_all(host, unwanted);
  return ifb;
}

void lift_limits(RouteSocket& host, const Present& present, Transaction& transaction) {
  for (const Link& end : present.listed_ends) {
    undo_with_earlier(transaction, find_earlier(host, end, present));
  }
  remove_limits(host, present);
}

void remove_limits(RouteSocket& host, const Present& present) {
  netlink::Batch batch;
  const Link* ifb = present.any_ifb();
  for (const Link& end : present.listed_ends) {
    netlink::remove_token_bucket(batch, end.index, end.name);
    if (ifb != nullptr) {
      netlink::remove_ingress(batch, end.index, end.name);
    }
  }
  if (ifb != nullptr) {
    netlink::remove_link(batch, ifb->index, ifb->name);
  }
  remove_all(host, batch);
}

attach::Problems limit_problems(RouteSocket& host, const Present& present, const Link& end,
                                const Limits& limits) {
  attach::Problems problems;
  if (limits.ingress) {
    check_bucket(host, end, *limits.ingress, problems);
  }
  if (!limits.egress) {
    return problems;
  }
  const Link* ifb = present.any_ifb();
  if (ifb == nullptr) {
    problems.push_back(concat("the ifb of the egress limit is gone"));
    return problems;
  }
  if (!ifb->up) {
    problems.push_back(concat(ifb->name, " is down"));
  }
  check_bucket(host, *ifb, *limits.egress, problems);
  if (!leads_to(host.ingress_filters(end.index), *ifb)) {
    problems.push_back(concat("what ", end.name, " receives is not redirected to ", ifb->name));
  }
  return problems;
}

}  // namespace linnet::bandwidth
