#include "plugins/attach/veth.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/interface.h"

namespace linnet::attach {

namespace {

// One of the pair's names is taken. Throws unless the way is free for a second attempt.
void resolve_name_clash(netlink::RouteSocket& host, netlink::RouteSocket& sandbox,
                        const Attachment& attachment) {
  if (sandbox.find_link(attachment.ifname)) {
    refuse_taken_name(attachment.ifname);
  }
  const std::string host_name = host_link_name(attachment);
  const std::optional<netlink::Link> link = host.find_link(host_name);
  if (link && key_in_alias(link->alias) != owner_key(attachment)) {
    throw cni::Error(cni::Code::kInternal, concat("the host already has a link named ", host_name,
                                                  " that belongs to something else: remove it"));
  }
  // Of an earlier namespace of the same container, whose DEL never came.
  host.remove_link_if_present(host_name);
}

// Absent when one of the names is taken. That of the host's end is looked up first: whoever has it shall not
// get the alias.
std::optional<netlink::Link> try_to_create(netlink::RouteSocket& host,
                                           const netlink::NewVeth& veth) {
  if (host.has_link(veth.name)) {
    return std::nullopt;
  }
  try {
    return host.try_create_veth(veth);
  } catch (const netlink::AnswerLost&) {
    // The pair may be there.
    netlink::RouteSocket().remove_link_if_present(veth.name);
    throw;
  }
}

// The end of a pair that the reference plugin made: on the host it has a random name. A pair whose port
// names another attachment stays: an ADD that found the interface name taken is followed by a DEL, too.
void remove_foreign_pair(netlink::RouteSocket& host_socket, const cni::Request& request) {
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
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
  if (!port || key_in_alias(port->alias).empty()) {
    sandbox.socket().remove_link_if_present(request.ifname);
  }
}

}  // namespace

netlink::Link create_veth(netlink::RouteSocket& host, const netlink::Netns& host_netns,
                          const netlink::Netns& sandbox, const Attachment& attachment,
                          const VethOptions& options) {
  const netlink::NewVeth veth = {
      .name = host_link_name(attachment),
      .mac = host_mac(attachment),
      .peer_name = attachment.ifname,
      .peer_mac = options.container_mac.value_or(container_mac(attachment)),
      .peer_netns = sandbox.fd(),
      .mtu = options.mtu,
      .master = options.master,
      .alias = owner_alias(attachment),
  };
  if (std::optional<netlink::Link> port = try_to_create(host, veth)) {
    return *std::move(port);
  }
  std::optional<netlink::RouteSocket> inside;
  host_netns.run_inside(sandbox, [&] { inside.emplace(); });
  resolve_name_clash(host, *inside, attachment);
  if (std::optional<netlink::Link> port = try_to_create(host, veth)) {
    return *std::move(port);
  }
  throw cni::Error(cni::Code::kTryAgainLater,
                   concat("create veth ", veth.name,
                          ": another process makes a link of that name at the same time"));
}

void remove_veth_if_present(const cni::Request& request, const Attachment& attachment) {
  netlink::RouteSocket host;
  if (!host.remove_link_if_present(host_link_name(attachment))) {
    remove_foreign_pair(host, request);
  }
}

void collect_veths(const std::string& network, const std::set<std::string, std::less<>>& valid,
                   ErrorList& errors) {
  const std::string prefix = network_key(network);
  netlink::RouteSocket host;
  for (const netlink::Link& link : host.links()) {
    const std::string_view key = key_in_alias(link.alias);
    if (link.kind == "veth" && key.starts_with(prefix) && !valid.contains(key)) {
      errors.attempt([&] { host.remove_link_if_present(link.name); });
    }
  }
}

}  // namespace linnet::attach
