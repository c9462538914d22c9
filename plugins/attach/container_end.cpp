#include "plugins/attach/container_end.h"

#include <optional>
#include <utility>

#include "base/text.h"
#include "plugins/attach/result.h"

namespace linnet::attach {

netlink::Link set_up_container_end(const netlink::Netns& host, netlink::Netns netns,
                                   const cni::Request& request, const InterfacePlan& plan,
                                   const ContainerEnd& end, Transaction& transaction) {
  const auto sysctls = plan_sysctls(end.sysctls, request.ifname);
  netlink::Sandbox sandbox(host, std::move(netns), [&] {
    prepare_sysctls(request.ifname, plan, end.dad);
    apply_sysctls(sysctls, host, request.netns, transaction);
  });
  netlink::Link link = sandbox.socket().get_link(request.ifname);
  if (is_steered(end.steering, end.can_follow)) {
    sandbox.run([&] { steer_receive(end.steering, end.can_follow, link); });
  }
  if (!end.leave_down) {
    configure_interface(sandbox, link, plan);
  }
  return link;
}

void set_up_link(netlink::Sandbox& sandbox, const netlink::Netns& host, const cni::Request& request,
                 const netlink::Link& link, const InterfacePlan& plan, const LinkSettings& settings,
                 Transaction& transaction) {
  const auto sysctls = plan_sysctls(settings.sysctls, link.name);
  if (plan.has_ipv6 || !sysctls.empty()) {
    sandbox.run([&] {
      prepare_sysctls(link.name, plan, settings.dad);
      apply_sysctls(sysctls, host, request.netns, transaction);
    });
  }
  configure_interface(sandbox, link, plan);
}

Problems container_link_problems(
    const cni::Request& request, const cni::NetConf& conf, std::string_view kind,
    const SysctlConfig& sysctls,
    const std::function<Problems(netlink::Sandbox&, const netlink::Link&)>& more) {
  const cni::Result prev = own_part(*conf.prev_result, request.ifname);
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    return {concat("CNI_NETNS: there is no network namespace at ", request.netns)};
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  const std::optional<netlink::Link> link = sandbox.socket().find_link(request.ifname);
  if (!link || (!kind.empty() && link->kind != kind)) {
    return {concat(request.ifname, link ? " is no " : " is not in the container",
                   link ? kind : std::string_view())};
  }
  Problems problems;
  const cni::Interface* entry = find_interface(prev, link->name, request.netns);
  if (entry != nullptr && !entry->mac.empty() &&
      !equals_ignoring_case(entry->mac, link->mac.text())) {
    problems.push_back(concat(link->name, " has MAC address ", link->mac.text(), ", not ",
                              entry->mac, " as prevResult says"));
  }
  if (!link->up) {
    problems.push_back(concat(link->name, " is down"));
  }
  if (more) {
    append(problems, more(sandbox, *link));
  }
  append(problems, container_end_problems(sandbox, *link, plan_interface(prev), sysctls));
  return problems;
}

Problems container_end_problems(netlink::Sandbox& sandbox, const netlink::Link& link,
                                const InterfacePlan& plan, const SysctlConfig& sysctls) {
  Problems problems = interface_problems(sandbox, link, plan);
  const auto settings = plan_sysctls(sysctls, link.name);
  if (!settings.empty()) {
    sandbox.run([&] { append(problems, sysctl_problems(settings)); });
  }
  return problems;
}

}  // namespace linnet::attach
