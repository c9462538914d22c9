#include "plugins/attach/interface.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/text.h"
#include "libcni/error.h"
#include "netlink/sysctl.h"

namespace linnet::attach {

namespace {

// Duplicate detection takes a second and a half with the kernel's defaults.
constexpr int kDadTimeoutMs = 5000;

netlink::Route plan_route(const cni::Route& route, const cni::Result& result) {
  netlink::Route plan{.dst = route.dst,
                      .gateway = route.gw,
                      .source = {},
                      .link = 0,
                      .mtu = route.mtu,
                      .advmss = route.advmss,
                      .priority = route.priority,
                      .table = route.table,
                      .scope = route.scope,
                      .onlink = false};
  // What is on the link or on the host itself is reached through no gateway.
  const bool direct = route.scope.value_or(RT_SCOPE_UNIVERSE) >= RT_SCOPE_LINK;
  bool reachable = false;
  for (const cni::IpConfig& ip : result.ips) {
    if (!plan.gateway && !direct && ip.gateway && ip.gateway->family() == route.dst.family()) {
      plan.gateway = ip.gateway;
    }
    reachable = reachable || (plan.gateway && ip.address.contains(*plan.gateway));
  }
  const bool link_local =
      plan.gateway && plan.gateway->is_link_local_unicast() && !plan.gateway->is_ipv4();
  plan.onlink = plan.gateway && !reachable && !link_local;
  return plan;
}

// Every address is there and none is tentative. Throws for a duplicate.
bool addresses_usable(netlink::RouteSocket& socket, const netlink::Link& link,
                      const InterfacePlan& plan) {
  const std::vector<netlink::Address> present = socket.addresses(link.index);
  return std::ranges::all_of(plan.addresses, [&](const Cidr& wanted) {
    const auto found = std::ranges::find(present, wanted, &netlink::Address::address);
    if (found == present.end()) {
      return false;
    }
    if (found->dad_failed) {
      throw cni::Error(cni::Code::kTryAgainLater,
                       concat("address ", wanted.text(), " of ", link.name,
                              " is in use by another host on the link (duplicate address "
                              "detection failed)"));
    }
    return !found->tentative;
  });
}

void wait_for_addresses(netlink::Sandbox& sandbox, const netlink::Link& link,
                        const InterfacePlan& plan, netlink::Monitor& monitor) {
  const bool usable =
      monitor.wait(kDadTimeoutMs, [&] { return addresses_usable(sandbox.socket(), link, plan); });
  if (!usable) {
    throw cni::Error(cni::Code::kTryAgainLater,
                     concat("duplicate address detection on ", link.name, " has not ended after ",
                            kDadTimeoutMs, " ms"));
  }
}

bool shows(const netlink::Route& present, const netlink::Route& wanted) {
  // Where none is asked for, a plugin behind this one in the chain (sbr, vrf) may have put it into another.
  return present.dst == wanted.dst && present.gateway == wanted.gateway &&
         (!wanted.table || present.table == wanted.table) &&
         (wanted.priority == 0 || present.priority == wanted.priority) &&
         (wanted.mtu == 0 || present.mtu == wanted.mtu) &&
         (wanted.advmss == 0 || present.advmss == wanted.advmss);
}

}  // namespace

netlink::Netns open_netns(const cni::Request& request) {
  try {
    return netlink::Netns::open(request.netns);
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kInvalidEnvironment, concat("CNI_NETNS: ", error.what()));
  }
}

void refuse_taken_name(const std::string& ifname) {
  throw cni::Error(
      cni::Code::kInvalidEnvironment,
      concat("CNI_IFNAME: ", linnet::quoted(ifname),
             " already exists in the container's namespace: call DEL before a second ADD"));
}

InterfacePlan plan_interface(const cni::Result& result) {
  InterfacePlan plan;
  for (const cni::IpConfig& ip : result.ips) {
    plan.addresses.push_back(ip.address);
    plan.has_ipv6 = plan.has_ipv6 || !ip.address.is_ipv4();
  }
  for (const cni::Route& route : result.routes) {
    plan.routes.push_back(plan_route(route, result));
  }
  std::stable_partition(plan.routes.begin(), plan.routes.end(),
                        [](const netlink::Route& route) { return !route.gateway.has_value(); });
  return plan;
}

void prepare_sysctls(const std::string& ifname, const InterfacePlan& plan, DadMode dad) {
  if (!plan.has_ipv6) {
    return;
  }
  for (const std::string_view link : {std::string_view("lo"), std::string_view(ifname)}) {
    const std::string name = concat("net/ipv6/conf/", link, "/disable_ipv6");
    if (netlink::find_sysctl(name) == "1") {
      netlink::ensure_sysctl(name, "0");
    }
  }
  const std::string base = concat("net/ipv6/conf/", ifname, '/');
  netlink::ensure_sysctl(base + "keep_addr_on_down", "1");
  netlink::write_sysctl_if_present(base + "accept_dad", dad == DadMode::kWait ? "1" : "0");
  if (dad == DadMode::kWait) {
    netlink::write_sysctl_if_present(base + "enhanced_dad", "1");
  }
  netlink::write_sysctl_if_present(base + "ndisc_notify", "1");
}

void configure_interface(netlink::Sandbox& sandbox, const netlink::Link& link,
                         const InterfacePlan& plan) {
  std::optional<netlink::Monitor> monitor;
  if (plan.has_ipv6) {
    sandbox.run([&] { monitor.emplace(netlink::Monitor::Subject::kIpv6Addresses); });
  }
  netlink::Batch batch;
  // Addresses first: the link announces at coming up those that it has.
  netlink::change_link(batch, {.index = link.index, .name = link.name, .arp_notify = true});
  for (const Cidr& address : plan.addresses) {
    netlink::add_address(batch, link.index, address, link.name,
                         {.subnet_route = plan.subnet_route});
  }
  netlink::change_link(batch, {.index = link.index, .name = link.name, .up = true});
  for (netlink::Route route : plan.routes) {
    route.link = link.index;
    netlink::add_route(batch, route, link.name);
  }
  sandbox.socket().execute(batch);
  if (monitor) {
    wait_for_addresses(sandbox, link, plan, *monitor);
  }
}

std::vector<std::string> interface_problems(netlink::Sandbox& sandbox, const netlink::Link& link,
                                            const InterfacePlan& plan) {
  std::vector<std::string> problems;
  const std::vector<netlink::Address> addresses = sandbox.socket().addresses(link.index);
  for (const Cidr& wanted : plan.addresses) {
    if (std::ranges::find(addresses, wanted, &netlink::Address::address) == addresses.end()) {
      problems.push_back(concat(link.name, " lacks address ", wanted.text()));
    }
  }
  const std::vector<netlink::Route> routes = sandbox.socket().routes(link.index);
  for (const netlink::Route& wanted : plan.routes) {
    if (std::ranges::none_of(routes, [&](const auto& route) { return shows(route, wanted); })) {
      problems.push_back(
          concat(link.name, " lacks the route to ", wanted.dst.text(),
                 wanted.gateway ? concat(" via ", wanted.gateway->text()) : std::string()));
    }
  }
  return problems;
}

void ensure_forwarding(const std::vector<Cidr>& addresses) {
  const auto has = [&](Family family) {
    return std::ranges::any_of(addresses, [&](const Cidr& a) { return a.family() == family; });
  };
  if (has(Family::kIpv4)) {
    netlink::ensure_sysctl("net/ipv4/ip_forward", "1");
  }
  if (has(Family::kIpv6)) {
    netlink::ensure_sysctl("net/ipv6/conf/all/forwarding", "1");
  }
}

}  // namespace linnet::attach
