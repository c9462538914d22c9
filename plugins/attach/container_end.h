// The container's end of a veth pair, from its creation to its being up.
#pragma once

#include <functional>
#include <string_view>

#include "base/transaction.h"
#include "libcni/request.h"
#include "netlink/netns.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/problems.h"
#include "plugins/attach/steering.h"
#include "plugins/attach/sysctls.h"

namespace linnet::attach {

struct ContainerEnd {
  DadMode dad = DadMode::kSkip;
  const SysctlConfig& sysctls;
  const Steering& steering;
  bool can_follow = false;  // of prepare_flow_following()
  bool leave_down = false;
};

// Sysctls, receive steering, and then addresses and routes of request.ifname in `netns`. The link goes with
// the pair; what it changed of the namespace is undone by `transaction`.
[[nodiscard]] netlink::Link set_up_container_end(const netlink::Netns& host, netlink::Netns netns,
                                                 const cni::Request& request,
                                                 const InterfacePlan& plan, const ContainerEnd& end,
                                                 Transaction& transaction);

struct LinkSettings {
  DadMode dad = DadMode::kSkip;
  const SysctlConfig& sysctls;
};

// The same for a link in a sandbox that is open, without steering.
void set_up_link(netlink::Sandbox& sandbox, const netlink::Netns& host, const cni::Request& request,
                 const netlink::Link& link, const InterfacePlan& plan, const LinkSettings& settings,
                 Transaction& transaction);

// What CHECK of a container's interface finds, of `kind` unless that is empty: namespace, link, MAC address of
// prevResult, addresses, routes and sysctls. `more` is asked when the link is there.
[[nodiscard]] Problems container_link_problems(
    const cni::Request& request, const cni::NetConf& conf, std::string_view kind,
    const SysctlConfig& sysctls,
    const std::function<Problems(netlink::Sandbox& sandbox, const netlink::Link& link)>& more);

// What of addresses, routes and sysctls the kernel does not show.
[[nodiscard]] Problems container_end_problems(netlink::Sandbox& sandbox, const netlink::Link& link,
                                              const InterfacePlan& plan,
                                              const SysctlConfig& sysctls);

}  // namespace linnet::attach
