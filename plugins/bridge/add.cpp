#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "libcni/exec.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/rules.h"
#include "plugins/bridge/config.h"
#include "plugins/bridge/device.h"
#include "plugins/bridge/port.h"
#include "plugins/bridge/result.h"
#include "plugins/bridge/verbs.h"

namespace linnet::bridge {

namespace {

netlink::Netns open_sandbox(const cni::Request& request) {
  try {
    return netlink::Netns::open(request.netns);
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kInvalidEnvironment, concat("CNI_NETNS: ", error.what()));
  }
}

// An IPAM plugin that loads while the links are made, and does nothing before it is asked.
struct Ipam {
  cni::Delegate delegate;
  cni::PluginProcess process;
};

std::optional<Ipam> start_ipam(const cni::Request& request, const Config& config) {
  if (config.ipam_type.empty()) {
    return std::nullopt;
  }
  cni::Delegate delegate(config.ipam_type, request);
  cni::PluginProcess process = delegate.start(cni::Verb::kAdd);
  return Ipam{std::move(delegate), std::move(process)};
}

cni::Result ask_ipam(Ipam ipam, const cni::NetConf& conf, const Config& config) {
  cni::Result result = ipam.delegate.finish_add(std::move(ipam.process), conf);
  if (result.ips.empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("IPAM plugin ", linnet::quoted(config.ipam_type),
                            " returned missing IP config: its result has no address"));
  }
  complete_addresses(result, config);
  return result;
}

void set_up_container(const netlink::Netns& host_netns, netlink::Netns netns,
                      const cni::Request& request, const cni::Result& result, const Config& config,
                      cni::Interface& container) {
  const attach::InterfacePlan plan = attach::plan_interface(result);
  netlink::Sandbox sandbox(host_netns, std::move(netns), [&] {
    attach::prepare_sysctls(request.ifname, plan,
                            config.enable_dad ? attach::DadMode::kWait : attach::DadMode::kSkip);
  });
  const netlink::Link link = sandbox.socket().get_link(request.ifname);
  container = describe(link, request.netns);
  if (!config.leave_container_interface_down) {
    attach::configure_interface(sandbox, link, plan);
  }
}

void set_up_gateway(netlink::RouteSocket& host, const netlink::Link& bridge, const Config& config,
                    cni::Result& result) {
  const netlink::Link link = ensure_gateway_interface(host, bridge, config);
  ensure_gateway_addresses(host, link, gateway_addresses(result), config);
  attach::ensure_forwarding(addresses_of(result));
  if (link.index != bridge.index) {
    result.interfaces.push_back(describe(link, ""));
  }
}

void set_up_rules(const attach::Attachment& attachment, const netlink::Link& port,
                  const cni::Result& result, const Config& config, Transaction& transaction) {
  if (!config.mac_spoof_check && !(config.ip_masq && !result.ips.empty())) {
    return;
  }
  netlink::nft::NftSocket nft;
  transaction.undo_with("remove rules", [attachment, hint = addresses_of(result)] {
    netlink::nft::NftSocket again;
    attach::remove_rules_if_present(again, attachment, hint);
  });
  if (config.mac_spoof_check) {
    const std::optional<MacAddress> mac =
        MacAddress::parse(result.interfaces[kContainerInterface].mac);
    attach::add_mac_check(nft, attachment, port.name, mac.value());
  }
  if (config.ip_masq) {
    attach::add_masquerade(nft, attachment, addresses_of(result));
  }
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const netlink::Netns host_netns = netlink::Netns::current();
  netlink::Netns sandbox_netns = open_sandbox(request);
  std::optional<Ipam> ipam = start_ipam(request, config);

  Transaction transaction;
  netlink::RouteSocket host;
  const netlink::Link bridge = ensure_bridge(host, config);
  const netlink::Link port =
      create_pair(host, host_netns, sandbox_netns, bridge, attachment, config);
  transaction.undo_with(concat("remove ", port.name), [name = port.name] {
    netlink::RouteSocket().remove_link_if_present(name);
  });
  configure_port(host, port, attachment, config);

  cni::Result result;
  if (ipam) {
    transaction.undo_with("release the addresses", [delegate = ipam->delegate, conf] {
      delegate.run(cni::Verb::kDel, conf);
    });
    result = ask_ipam(*std::move(ipam), conf, config);
  }
  result.interfaces = {describe(bridge, ""), describe(port, ""), {}};
  set_up_container(host_netns, std::move(sandbox_netns), request, result, config,
                   result.interfaces[kContainerInterface]);
  if (config.is_gateway && !result.ips.empty()) {
    set_up_gateway(host, bridge, config, result);
  }
  set_up_rules(attachment, port, result, config, transaction);
  if (!config.leave_container_interface_down) {
    wait_until_forwarding(host, port, bridge);
  }
  if (conf.dns_given && !conf.dns.empty()) {
    result.dns = conf.dns;
  }
  transaction.commit();
  return result;
}

}  // namespace linnet::bridge
