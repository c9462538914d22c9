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
#include "plugins/bridge/config.h"
#include "plugins/bridge/device.h"
#include "plugins/bridge/result.h"
#include "plugins/bridge/verbs.h"
#include "plugins/ipam/ipam.h"

namespace linnet::bridge {

namespace {

using attach::Problems;

void compare_mac(const netlink::Link& link, const cni::Interface* expected, Problems& problems) {
  if (expected != nullptr && !expected->mac.empty() &&
      !equals_ignoring_case(expected->mac, link.mac.text())) {
    problems.push_back(concat(link.name, " has MAC address ", link.mac.text(), ", not ",
                              expected->mac, " as prevResult says"));
  }
}

void compare_mtu(const netlink::Link& link, const Config& config, Problems& problems) {
  if (config.mtu != 0 && link.mtu != config.mtu) {
    problems.push_back(concat(link.name, " has MTU ", link.mtu, ", not ", config.mtu));
  }
}

std::optional<netlink::Link> check_bridge(netlink::RouteSocket& host, const Config& config,
                                          const cni::Result& prev, Problems& problems) {
  std::optional<netlink::Link> bridge = host.find_link(config.bridge);
  if (!bridge || bridge->kind != "bridge") {
    problems.push_back(concat(config.bridge, bridge ? " is not a bridge" : " does not exist"));
    return std::nullopt;
  }
  compare_mac(*bridge, attach::find_interface(prev, config.bridge, ""), problems);
  if (!bridge->up) {
    problems.push_back(concat(config.bridge, " is down"));
  }
  if (config.promiscuous && !bridge->promiscuous) {
    problems.push_back(concat(config.bridge, " is not in promiscuous mode"));
  }
  compare_mtu(*bridge, config, problems);
  if (config.uses_vlans() && !bridge->bridge->vlan_filtering) {
    problems.push_back(concat(config.bridge, " does not filter VLANs"));
  }
  return bridge;
}

// The port that this plugin made, or the one of the reference that prevResult names.
std::optional<netlink::Link> find_port(netlink::RouteSocket& host,
                                       const attach::Attachment& attachment,
                                       const netlink::Link& container) {
  if (std::optional<netlink::Link> port = host.find_link(attach::host_link_name(attachment))) {
    return port;
  }
  return container.peer != 0 ? host.find_link(container.peer) : std::nullopt;
}

bool has_vlan(const std::vector<netlink::Vlan>& present, const netlink::Vlan& wanted) {
  for (unsigned id = wanted.first; id <= wanted.last; ++id) {
    const bool found = std::ranges::any_of(present, [&](const netlink::Vlan& vlan) {
      return vlan.first <= id && id <= vlan.last && vlan.pvid == wanted.pvid &&
             vlan.untagged == wanted.untagged;
    });
    if (!found) {
      return false;
    }
  }
  return true;
}

void check_vlans(netlink::RouteSocket& host, const netlink::Link& port, const Config& config,
                 Problems& problems) {
  if (!config.uses_vlans()) {
    return;
  }
  const std::vector<netlink::Vlan> present = host.vlans(port.index);
  for (const netlink::Vlan& wanted : plan_vlans(config)) {
    if (!has_vlan(present, wanted)) {
      problems.push_back(concat(port.name, " lacks VLAN ", wanted.first, "-", wanted.last));
    }
  }
}

void check_port(netlink::RouteSocket& host, const netlink::Link& port, const netlink::Link* bridge,
                const netlink::Link& container, const cni::Result& prev, const Config& config,
                Problems& problems) {
  compare_mac(port, attach::find_interface(prev, port.name, ""), problems);
  if (bridge != nullptr && port.master != bridge->index) {
    problems.push_back(concat(port.name, " is not a port of ", config.bridge));
  }
  // One number alone may be that of another link in the other namespace.
  if (port.peer != container.index || container.peer != port.index) {
    problems.push_back(concat(port.name, " is not the peer of ", container.name));
  }
  if (!port.up) {
    problems.push_back(concat(port.name, " is down"));
  }
  compare_mtu(port, config, problems);
  const netlink::Link::Port flags = port.port.value_or(netlink::Link::Port{});
  if (flags.hairpin != config.hairpin) {
    problems.push_back(concat(port.name, config.hairpin ? " lacks" : " has", " hairpin mode"));
  }
  if (flags.isolated != config.port_isolation) {
    problems.push_back(concat(port.name, config.port_isolation ? " is not" : " is", " isolated"));
  }
  check_vlans(host, port, config, problems);
}

void check_gateway(netlink::RouteSocket& host, const netlink::Link& bridge, const cni::Result& prev,
                   const Config& config, Problems& problems) {
  std::optional<netlink::Link> link = bridge;
  if (config.vlan != 0) {
    link = host.find_link(vlan_gateway_name(config));
  }
  if (!link) {
    problems.push_back(concat(vlan_gateway_name(config), " does not exist"));
    return;
  }
  const std::vector<netlink::Address> present = host.addresses(link->index);
  for (const Cidr& gateway : gateway_addresses(prev)) {
    if (std::ranges::find(present, gateway, &netlink::Address::address) == present.end()) {
      problems.push_back(concat(link->name, " lacks the gateway address ", gateway.text()));
    }
    const std::string name =
        gateway.is_ipv4() ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
    if (netlink::find_sysctl(name) == "0") {
      problems.push_back(concat("sysctl ", name, " is 0"));
    }
  }
}

void check_rules(const attach::Attachment& attachment, const netlink::Link& port,
                 const netlink::Link& container, const cni::Result& prev, const Config& config,
                 Problems& problems) {
  // A port under another name was made by the reference plugin, with rules of its own.
  if (port.name != attach::host_link_name(attachment)) {
    return;
  }
  netlink::nft::NftSocket nft;
  if (config.ip_masq) {
    for (const Cidr& address : attach::unmasqueraded(nft, attachment, attach::addresses_of(prev))) {
      problems.push_back(concat(address.text(), " is not masqueraded"));
    }
  }
  if (config.mac_spoof_check && !attach::has_mac_check(nft, attachment, port.name, container.mac)) {
    problems.push_back(concat("the MAC address of ", port.name, " is not checked"));
  }
}

void check_all(const cni::Request& request, const cni::NetConf& conf, const Config& config,
               Problems& problems) {
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const cni::Result prev = attach::own_part(*conf.prev_result, request.ifname);
  const netlink::Netns host_netns = netlink::Netns::current();
  netlink::RouteSocket host;
  const std::optional<netlink::Link> bridge = check_bridge(host, config, prev, problems);
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    problems.push_back(concat("CNI_NETNS: there is no network namespace at ", request.netns));
    return;
  }
  netlink::Sandbox sandbox(host_netns, *std::move(netns));
  const std::optional<netlink::Link> container = sandbox.socket().find_link(request.ifname);
  if (!container || container->kind != "veth") {
    problems.push_back(
        concat(request.ifname, container ? " is not a veth" : " is not in the container"));
    return;
  }
  compare_mac(*container, attach::find_interface(prev, request.ifname, request.netns), problems);
  if (container->up == config.leave_container_interface_down) {
    problems.push_back(concat(request.ifname, container->up ? " is up" : " is down"));
  }
  compare_mtu(*container, config, problems);
  attach::append(problems, attach::container_end_problems(
                               sandbox, *container, attach::plan_interface(prev), config.sysctls));
  if (const std::optional<netlink::Link> port = find_port(host, attachment, *container)) {
    attach::append(problems,
                   attach::steering_problems(sandbox, *port, *container, config.steering));
    check_port(host, *port, bridge ? &*bridge : nullptr, *container, prev, config, problems);
    check_rules(attachment, *port, *container, prev, config, problems);
  } else {
    problems.push_back(concat("the host's end of ", request.ifname, " is gone"));
  }
  if (bridge && config.is_gateway) {
    check_gateway(host, *bridge, prev, config, problems);
  }
}

}  // namespace

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kCheck, conf);
  }
  Problems problems;
  check_all(request, conf, config, problems);
  attach::throw_if_changed(request, conf, problems);
}

}  // namespace linnet::bridge
