// The veth pair of one container.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/error_list.h"
#include "base/mac_address.h"
#include "libcni/request.h"
#include "netlink/netns.h"
#include "plugins/attach/attachment.h"

namespace linnet::attach {

struct VethOptions {
  std::optional<MacAddress> container_mac = {};  // absent: container_mac()
  std::uint32_t mtu = 0;                         // bytes, of both ends; 0: the kernel's default
  int master = 0;                                // index of the host end's bridge; 0: none
};

// Makes the pair in one message and returns its end on the host, host_link_name(); the container's end
// has its final name in `sandbox`; both are down. It is never there without its owner's mark, by which GC
// finds it. A pair that the same attachment left in an earlier
// namespace is replaced. Throws cni::Error(kInvalidEnvironment) when the container has the interface
// already; has made nothing when it throws.
[[nodiscard]] netlink::Link create_veth(netlink::RouteSocket& host,
                                        const netlink::Netns& host_netns,
                                        const netlink::Netns& sandbox, const Attachment& attachment,
                                        const VethOptions& options);

// Removes the attachment's pair. Where there is none, the pair that a reference plugin, which names its
// host ends at random, made for the container's interface; never one of another attachment.
void remove_veth_if_present(const cni::Request& request, const Attachment& attachment);

// Removes the pairs of attachments of `network` whose key is not among `valid`.
void collect_veths(const std::string& network, const std::set<std::string, std::less<>>& valid,
                   ErrorList& errors);

}  // namespace linnet::attach
