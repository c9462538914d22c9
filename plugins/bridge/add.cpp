#include <cerrno>
#include <optional>

#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/container_end.h"
#include "plugins/attach/result.h"
#include "plugins/attach/rules.h"
#include "plugins/attach/veth.h"
#include "plugins/bridge/config.h"
#include "plugins/bridge/device.h"
#include "plugins/bridge/port.h"
#include "plugins/bridge/result.h"
#include "plugins/bridge/verbs.h"
#include "plugins/ipam/ipam.h"

namespace linnet::bridge {

namespace {

netlink::Link create_port(netlink::RouteSocket& host, const netlink::Netns& host_netns,
                          const netlink::Netns& sandbox, const attach::Attachment& attachment,
                          const netlink::Link& bridge, const Config& config) {
  try {
    return attach::create_veth(
        host, host_netns, sandbox, attachment,
        {.container_mac = config.mac, .mtu = config.mtu, .master = bridge.index});
  } catch (const netlink::Error& error) {
    // Not every C library has words for it.
    if (error.code() != EXFULL) {
      throw;
    }
    throw cni::Error(cni::Code::kInternal,
                     concat("bridge ", bridge.name, " has as many ports as the kernel allows (1023): ",
                            "remove containers, or put further ones on a network with another bridge"));
  }
}

void set_up_gateway(netlink::RouteSocket& host, const netlink::Link& bridge, const Config& config,
                    cni::Result& result) {
  const netlink::Link link = ensure_gateway_interface(host, bridge, config);
  ensure_gateway_addresses(host, link, gateway_addresses(result), config);
  attach::ensure_forwarding(attach::addresses_of(result));
  if (link.index != bridge.index) {
    result.interfaces.push_back(attach::describe(link, ""));
  }
}

void set_up_rules(const attach::Attachment& attachment, const netlink::Link& port,
                  const cni::Result& result, const Config& config, Transaction& transaction) {
  if (!config.mac_spoof_check && !(config.ip_masq && !result.ips.empty())) {
    return;
  }
  netlink::nft::NftSocket nft;
  transaction.undo_with("remove rules", [attachment, hint = attach::addresses_of(result)] {
    netlink::nft::NftSocket again;
    attach::remove_rules_if_present(again, attachment, hint);
  });
  if (config.mac_spoof_check) {
    const std::optional<MacAddress> mac =
        MacAddress::parse(result.interfaces[kContainerInterface].mac);
    attach::add_mac_check(nft, attachment, port.name, mac.value());
  }
  if (config.ip_masq) {
    attach::add_masquerade(nft, attachment, attach::addresses_of(result));
  }
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const netlink::Netns host_netns = netlink::Netns::current();
  netlink::Netns sandbox_netns = attach::open_netns(request);
  const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request);
  std::optional<ipam::Call> addresses;
  if (ipam) {
    addresses = ipam->start(cni::Verb::kAdd);
  }

  Transaction transaction;
  netlink::RouteSocket host;
  const netlink::Link bridge = ensure_bridge(host, config);
  const netlink::Link port =
      create_port(host, host_netns, sandbox_netns, attachment, bridge, config);
  transaction.undo_with(concat("remove ", port.name), [name = port.name] {
    netlink::RouteSocket().remove_link_if_present(name);
  });
  if (ipam) {
    transaction.undo_with("release the addresses",
                          [plugin = *ipam, conf] { plugin.run(cni::Verb::kDel, conf); });
    addresses->ask(conf);
  }
  configure_port(host, port, config);
  const bool can_follow = attach::prepare_flow_following(config.steering);
  attach::steer_receive(config.steering.host, can_follow, port);

  cni::Result result;
  if (addresses) {
    result = addresses->result(conf);
    complete_addresses(result, config);
  }
  result.interfaces = {attach::describe(bridge, ""), attach::describe(port, ""), {}};
  const netlink::Link container = attach::set_up_container_end(
      host_netns, std::move(sandbox_netns), request, attach::plan_interface(result),
      {.dad = config.enable_dad ? attach::DadMode::kWait : attach::DadMode::kSkip,
       .sysctls = config.sysctls,
       .steering = config.steering.container,
       .can_follow = can_follow,
       .leave_down = config.leave_container_interface_down},
      transaction);
  result.interfaces[kContainerInterface] = attach::describe(container, request.netns);
  if (config.is_gateway && !result.ips.empty()) {
    set_up_gateway(host, bridge, config, result);
  }
  set_up_rules(attachment, port, result, config, transaction);
  if (!config.leave_container_interface_down) {
    wait_until_forwarding(host, port, bridge);
  }
  attach::take_dns(result, conf);
  transaction.commit();
  return result;
}

}  // namespace linnet::bridge
