#include <optional>

#include "base/error_list.h"
#include "libcni/exec.h"
#include "netlink/netns.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/leftovers.h"
#include "plugins/attach/rules.h"
#include "plugins/bridge/result.h"
#include "plugins/bridge/verbs.h"

namespace linnet::bridge {

namespace {

void remove_rules(const attach::Attachment& attachment, const cni::NetConf& conf,
                  ErrorList& errors) {
  errors.attempt([&] {
    netlink::nft::NftSocket nft;
    errors.attempt([&] {
      attach::remove_rules_if_present(
          nft, attachment,
          conf.prev_result ? addresses_of(*conf.prev_result) : std::vector<Cidr>{});
    });
    errors.attempt([&] { attach::remove_reference_rules_if_present(nft, attachment); });
  });
}

// The end of a pair that the reference plugin made: on the host it has a random name. A pair whose port
// names another attachment stays: an ADD that found the interface name taken is followed by a DEL, too.
void remove_foreign_pair(netlink::RouteSocket& host_socket, const cni::Request& request) {
  std::optional<netlink::Netns> netns;
  if (!request.netns.empty()) {
    netns = netlink::Netns::find(request.netns);
  }
  if (!netns) {
    return;
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  const std::optional<netlink::Link> link = sandbox.socket().find_link(request.ifname);
  if (!link || link->kind != "veth") {
    return;
  }
  const std::optional<netlink::Link> port =
      link->peer != 0 ? host_socket.find_link(link->peer) : std::nullopt;
  if (!port || attach::key_in_alias(port->alias).empty()) {
    sandbox.socket().remove_link_if_present(request.ifname);
  }
}

void remove_links(const cni::Request& request, const attach::Attachment& attachment) {
  netlink::RouteSocket host;
  if (!host.remove_link_if_present(attach::host_link_name(attachment))) {
    remove_foreign_pair(host, request);
  }
}

}  // namespace

void del(const cni::Request& request, const cni::NetConf& conf) {
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  ErrorList errors;
  // The IPAM plugin loads while the kernel removes the link, and does nothing before it is asked.
  std::optional<cni::Delegate> ipam;
  std::optional<cni::PluginProcess> process;
  if (!conf.ipam_type.empty()) {
    errors.attempt([&] {
      ipam.emplace(conf.ipam_type, request);
      process = ipam->start(cni::Verb::kDel);
    });
  }
  // The address is free for others only when nothing of it is left on the host.
  remove_rules(attachment, conf, errors);
  errors.attempt([&] { remove_links(request, attachment); });
  if (process) {
    errors.attempt([&] { ipam->finish(*std::move(process), cni::Verb::kDel, conf); });
  }
  errors.throw_if_any();
}

}  // namespace linnet::bridge
