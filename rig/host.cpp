#include "rig/host.h"

#include "base/text.h"
#include "netlink/sysctl.h"
#include "rig/namespaces.h"

namespace linnet::rig {

Host::Host(HostOptions options)
    : options_(std::move(options)),
      home_(netlink::Netns::current()),
      own_(options_.name.empty() ? netlink::Netns::current() : make_namespace(options_.name)),
      runtime_({.plugin_path = options_.plugin_path}) {
  inside("", [] { netlink::ensure_sysctl("net/ipv4/ip_forward", "1"); });
}

std::string Host::full_name(const std::string& name) const {
  return options_.name.empty() ? name : concat(options_.name, "-", name);
}

void Host::make_outside(const std::string& name) {
  netlink::Netns netns = make_namespace(full_name(name));
  inside("", [&] {
    make_uplink({.name = options_.uplink, .peer_name = "eth0", .peer_netns = netns.fd()});
  });
  home_.run_inside(netns, [] { bring_up("eth0", concat(kOutsideAddress, "/24")); });
  inside("", [&] { bring_up(options_.uplink, concat(kUplinkAddress, "/24")); });
  namespaces_.emplace(name, std::move(netns));
}

void Host::add_route(const std::string& from, const IpAddress& to) const {
  inside(from, [&] {
    netlink::RouteSocket socket;
    netlink::Batch batch;
    netlink::Route route;
    route.dst = Cidr::host(to);
    route.gateway = IpAddress::parse(kUplinkAddress);
    route.link = socket.get_link("eth0").index;
    netlink::add_route(batch, route, "eth0");
    socket.execute(batch);
  });
}

IpAddress Host::attach(const std::string& name, const cni::NetworkList& list) {
  namespaces_.emplace(name, make_namespace(full_name(name)));
  cni::Result result;
  inside("", [&] {
    result = runtime_.add(list, {.container_id = full_name(name),
                                 .netns = path_of_namespace(full_name(name)),
                                 .ifname = "eth0"});
  });
  for (const cni::Interface& interface : result.interfaces) {
    if (interface.sandbox.empty() && interface.name.starts_with("veth")) {
      host_links_[name] = interface.name;
    }
  }
  if (result.ips.empty()) {
    throw cni::Error(cni::Code::kInternal, concat("network ", list.name, " gave no address"));
  }
  return result.ips.front().address.address();
}

std::string Host::host_link(const std::string& name) const {
  const auto found = host_links_.find(name);
  return found == host_links_.end() ? "" : found->second;
}

void Host::inside(const std::string& name, const std::function<void()>& action) const {
  home_.run_inside(name.empty() ? own_ : namespaces_.at(name), action);
}

}  // namespace linnet::rig
