#include <algorithm>

#include "base/text.h"
#include "libcni/error.h"
#include "netlink/netns.h"
#include "netlink/sysctl.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/container_end.h"
#include "plugins/attach/problems.h"
#include "plugins/attach/result.h"
#include "plugins/attach/rules.h"
#include "plugins/ipam/ipam.h"
#include "plugins/ptp/config.h"
#include "plugins/ptp/plan.h"
#include "plugins/ptp/verbs.h"

namespace linnet::ptp {

namespace {

using attach::Problems;

void check_host_end(netlink::RouteSocket& host, const netlink::Link& link, const cni::Result& prev,
                    Problems& problems) {
  const HostPlan plan = plan_host(prev);
  const std::vector<netlink::Address> addresses = host.addresses(link.index);
  for (const Cidr& wanted : plan.addresses) {
    if (std::ranges::find(addresses, wanted, &netlink::Address::address) == addresses.end()) {
      problems.push_back(concat(link.name, " lacks the gateway address ", wanted.text()));
    }
  }
  const std::vector<netlink::Route> routes = host.routes(link.index);
  for (const netlink::Route& wanted : plan.routes) {
    if (std::ranges::find(routes, wanted.dst, &netlink::Route::dst) == routes.end()) {
      problems.push_back(concat(link.name, " lacks the route to ", wanted.dst.text()));
    }
    const std::string name =
        wanted.dst.is_ipv4() ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
    if (netlink::find_sysctl(name) == "0") {
      problems.push_back(concat("sysctl ", name, " is 0"));
    }
  }
}

void check_container_end(netlink::Sandbox& sandbox, const netlink::Link& link,
                         const cni::Result& prev, const Config& config, Problems& problems) {
  if (!link.up) {
    problems.push_back(concat(link.name, " is down"));
  }
  if (config.mtu != 0 && link.mtu != config.mtu) {
    problems.push_back(concat(link.name, " has MTU ", link.mtu, ", not ", config.mtu));
  }
  attach::append(problems, attach::container_end_problems(sandbox, link, plan_container(prev),
                                                          config.sysctls));
}

void check_masquerade(const attach::Attachment& attachment, const cni::Result& prev,
                      Problems& problems) {
  netlink::nft::NftSocket nft;
  for (const Cidr& address : attach::unmasqueraded(nft, attachment, attach::addresses_of(prev))) {
    problems.push_back(concat(address.text(), " is not masqueraded"));
  }
}

void check_all(const cni::Request& request, const cni::NetConf& conf, const Config& config,
               Problems& problems) {
  cni::Result prev = attach::own_part(*conf.prev_result, request.ifname);
  complete_addresses(prev);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  netlink::RouteSocket host;
  const netlink::Netns host_netns = netlink::Netns::current();
  netlink::Sandbox sandbox(host_netns, attach::open_netns(request));
  const std::optional<netlink::Link> container = sandbox.socket().find_link(request.ifname);
  if (!container || container->kind != "veth") {
    problems.push_back(concat(request.ifname, container ? " is not a veth" : " does not exist",
                              " in ", request.netns));
    return;
  }
  check_container_end(sandbox, *container, prev, config, problems);
  const std::optional<netlink::Link> link =
      container->peer != 0 ? host.find_link(container->peer) : std::nullopt;
  if (!link) {
    problems.push_back(concat("the host's end of ", request.ifname, " is gone"));
    return;
  }
  check_host_end(host, *link, prev, problems);
  attach::append(problems, attach::steering_problems(sandbox, *link, *container, config.steering));
  // A pair under another name was made by the reference plugin, with rules of its own.
  if (config.ip_masq && link->name == attach::host_link_name(attachment)) {
    check_masquerade(attachment, prev, problems);
  }
}

}  // namespace

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  ipam::Plugin(conf.ipam_type, request).run(cni::Verb::kCheck, conf);
  Problems problems;
  check_all(request, conf, config, problems);
  attach::throw_if_changed(request, conf, problems);
}

}  // namespace linnet::ptp
