#include "plugins/attach/container_end.h"

#include <utility>

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
