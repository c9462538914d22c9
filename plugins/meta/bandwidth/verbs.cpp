#include "plugins/meta/bandwidth/verbs.h"

#include "base/error_list.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/problems.h"
#include "plugins/attach/result.h"
#include "plugins/meta/bandwidth/config.h"
#include "plugins/meta/bandwidth/limits.h"
#include "plugins/meta/bandwidth/links.h"

namespace linnet::bandwidth {

namespace {

const cni::Result* prev_result_of(const cni::NetConf& conf) {
  return conf.prev_result ? &*conf.prev_result : nullptr;
}

// What an ADD with both limits makes.
void make_limits(netlink::RouteSocket& socket) {
  const attach::Attachment attachment = {
      .network = "status", .container_id = "c", .ifname = "eth0"};
  netlink::Batch pair;
  netlink::create_veth(pair, {.name = "end",
                              .mac = attach::host_mac(attachment),
                              .peer_name = "container",
                              .peer_mac = attach::container_mac(attachment)});
  socket.execute(pair);
  constexpr std::uint64_t kBits = 8'000'000;
  Transaction transaction;
  static_cast<void>(apply_limits(
      socket, attachment, socket.get_link("end"),
      {.ingress = token_bucket_of(kBits, kBits), .egress = token_bucket_of(kBits, kBits)},
      transaction));
  // It goes with the namespace.
  transaction.commit();
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Limits limits = parse_limits(request, conf);
  if (!conf.prev_result) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "bandwidth must be called as chained plugin: \"prevResult\" is missing, put "
                     "it into a list behind the plugin whose interface it limits");
  }
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  cni::Result result = *conf.prev_result;
  netlink::RouteSocket host;
  if (limits.empty()) {
    // Of an ADD before this one.
    Transaction transaction;
    lift_limits(host, find_present(host, attachment, &result), transaction);
    transaction.commit();
    return result;
  }
  const netlink::Link end = get_host_end(host, request, result);
  Transaction transaction;
  if (const auto ifb = apply_limits(host, attachment, end, limits, transaction)) {
    result.interfaces.push_back(attach::describe(*ifb, ""));
  }
  transaction.commit();
  return result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  netlink::RouteSocket host;
  remove_limits(host,
                find_present(host, attach::attachment_of(request, conf), prev_result_of(conf)));
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Limits limits = parse_limits(request, conf);
  if (limits.empty()) {
    return;
  }
  netlink::RouteSocket host;
  const netlink::Link end = get_host_end(host, request, *conf.prev_result);
  const Present present = find_present(host, attach::attachment_of(request, conf), nullptr);
  attach::throw_if_changed(request, conf, limit_problems(host, present, end, limits));
}

void gc(const cni::Request& /*request*/, const cni::NetConf& conf) {
  const auto valid = attach::valid_keys(conf.name, conf.valid_attachments);
  const std::string prefix = attach::network_key(conf.name);
  ErrorList errors;
  netlink::RouteSocket host;
  for (const netlink::Link& link : host.links_of_kind("ifb")) {
    const std::string_view key = attach::key_in_alias(link.alias);
    if (key.starts_with(prefix) && !valid.contains(key)) {
      errors.attempt([&] { host.remove_link_if_present(link.name); });
    }
  }
  errors.throw_if_any();
}

void status(const cni::Request& request, const cni::NetConf& conf) {
  static_cast<void>(parse_limits(request, conf));
  attach::rehearse(make_limits);
}

}  // namespace linnet::bandwidth
