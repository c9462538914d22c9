#include <cerrno>

#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/sysctl.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/container_end.h"
#include "plugins/attach/result.h"
#include "plugins/attach/rules.h"
#include "plugins/attach/veth.h"
#include "plugins/ipam/ipam.h"
#include "plugins/ptp/config.h"
#include "plugins/ptp/plan.h"
#include "plugins/ptp/verbs.h"

namespace linnet::ptp {

namespace {

// Brings up the host's end. Its addresses come when the container's end is up, too: a link without carrier
// has no routes for IPv6.
void bring_up_host_end(netlink::RouteSocket& host, const netlink::Link& link) {
  // Nobody else is on this link, and the host must speak on it at once.
  netlink::write_sysctl_if_present(concat("net/ipv6/conf/", link.name, "/accept_dad"), "0");
  netlink::Batch batch;
  netlink::change_link(batch, {.index = link.index, .name = link.name, .up = true});
  host.execute(batch);
}

void set_up_host(netlink::RouteSocket& host, const netlink::Link& link, const cni::Result& result) {
  const HostPlan plan = plan_host(result);
  netlink::Batch batch;
  for (const Cidr& address : plan.addresses) {
    netlink::add_address(batch, link.index, address, link.name,
                         {.detection = netlink::DuplicateDetection::kNone});
  }
  for (netlink::Route route : plan.routes) {
    route.link = link.index;
    netlink::add_only_route(batch, route, link.name);
  }
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (acks[i].error == EEXIST && i >= plan.addresses.size()) {
      const std::string address = plan.routes[i - plan.addresses.size()].dst.text();
      throw cni::Error(cni::Code::kInternal,
                       concat("the host has a route to ", address,
                              " already: another container or the network has this address, see "
                              "`ip route show ",
                              address, "`"));
    }
    if (!acks[i].ok()) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
  attach::ensure_forwarding(attach::addresses_of(result));
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const netlink::Netns host_netns = netlink::Netns::current();
  netlink::Netns sandbox_netns = attach::open_netns(request);
  const ipam::Plugin ipam(conf.ipam_type, request);
  ipam::Call addresses = ipam.start(cni::Verb::kAdd);

  Transaction transaction;
  netlink::RouteSocket host;
  const netlink::Link link =
      attach::create_veth(host, host_netns, sandbox_netns, attachment, {.mtu = config.mtu});
  transaction.undo_with(concat("remove ", link.name), [name = link.name] {
    netlink::RouteSocket().remove_link_if_present(name);
  });
  transaction.undo_with("release the addresses", [ipam, conf] { ipam.run(cni::Verb::kDel, conf); });
  addresses.ask(conf);
  bring_up_host_end(host, link);
  const bool can_follow = attach::prepare_flow_following(config.steering);
  attach::steer_receive(config.steering.host, can_follow, link);
  cni::Result result = addresses.result(conf);
  complete_addresses(result);
  result.interfaces = {attach::describe(link, ""), {}};
  const netlink::Link container = attach::set_up_container_end(
      host_netns, std::move(sandbox_netns), request, plan_container(result),
      {.dad = config.enable_dad ? attach::DadMode::kWait : attach::DadMode::kSkip,
       .sysctls = config.sysctls,
       .steering = config.steering.container,
       .can_follow = can_follow},
      transaction);
  result.interfaces[kContainerInterface] = attach::describe(container, request.netns);
  set_up_host(host, link, result);
  if (config.ip_masq) {
    netlink::nft::NftSocket nft;
    transaction.undo_with("remove rules", [attachment, hint = attach::addresses_of(result)] {
      netlink::nft::NftSocket again;
      attach::remove_rules_if_present(again, attachment, hint);
    });
    attach::add_masquerade(nft, attachment, attach::addresses_of(result));
  }
  attach::take_dns(result, conf);
  transaction.commit();
  return result;
}

}  // namespace linnet::ptp
