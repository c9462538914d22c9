// Addresses and routes of a container's interface: planned from the IPAM result without the kernel,
// applied in one datagram, checked against the kernel.
#pragma once

#include <string>
#include <vector>

#include "libcni/request.h"
#include "libcni/result.h"
#include "netlink/address.h"
#include "netlink/netns.h"

namespace linnet::attach {

// The container's namespace. Throws cni::Error(kInvalidEnvironment) that names CNI_NETNS.
[[nodiscard]] netlink::Netns open_netns(const cni::Request& request);

// Throws cni::Error(kInvalidEnvironment) for an ADD whose interface is there already.
[[noreturn]] void refuse_taken_name(const std::string& ifname);

enum class DadMode { kSkip, kWait };

struct InterfacePlan {
  std::vector<Cidr> addresses;
  netlink::SubnetRoute subnet_route = netlink::SubnetRoute::kByKernel;  // of the addresses
  std::vector<netlink::Route> routes;  // link routes first; `link` still 0
  bool has_ipv6 = false;
};

// Every address of the result and every route with the gateway it takes: its own, else the first one of
// its family, none for a scope of link or host. A gateway outside all subnets is marked on-link.
[[nodiscard]] InterfacePlan plan_interface(const cni::Result& result);

// Sysctls of an interface about to get addresses; to be called by a thread inside its namespace.
// IPv6 is switched on where it is off; duplicate address detection is off or, for kWait, enhanced.
void prepare_sysctls(const std::string& ifname, const InterfacePlan& plan, DadMode dad);

// Brings the interface up with its addresses and routes, announcing the addresses (gratuitous ARP,
// unsolicited neighbour advertisement). Returns when all addresses are usable: for IPv6 when duplicate
// detection has ended. Throws when it found a duplicate (cni::Error) or the kernel refused.
void configure_interface(netlink::Sandbox& sandbox, const netlink::Link& link,
                         const InterfacePlan& plan);

// What of the plan the kernel does not show, one sentence each.
[[nodiscard]] std::vector<std::string> interface_problems(netlink::Sandbox& sandbox,
                                                          const netlink::Link& link,
                                                          const InterfacePlan& plan);

// Switches forwarding on for every family of `addresses`, in the calling thread's namespace.
void ensure_forwarding(const std::vector<Cidr>& addresses);

}  // namespace linnet::attach
