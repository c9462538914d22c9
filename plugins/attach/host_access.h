// "hostAccess": an interface of the same kind on the host, since a master and its children do not hear each
// other, with a route to every address of the containers. Each network has one on each master; it lives as
// long as a route goes through it. Its alias carries the network, the metric of a route its attachment, so
// that DEL and GC need nothing else.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "netlink/route_socket.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/child_config.h"

namespace linnet::attach {

struct HostAccess {
  netlink::Link link;                  // on the host
  std::vector<netlink::Route> routes;  // for the container: to the host's addresses; `link` 0
};

// Makes the host's interface when it is missing, and routes to `addresses` through it; what the attachment
// has already is no error. The routes prefer an address of `uplink` as the source, one out of the
// container's subnet where there is one; without one the kernel chooses. Leaves nothing behind when it
// throws. Other plugins' calls for the same host wait meanwhile, some milliseconds at most.
[[nodiscard]] HostAccess add_host_access(netlink::RouteSocket& host, const netlink::Link& uplink,
                                         const ChildDriver& driver, const Attachment& attachment,
                                         const std::vector<Cidr>& addresses);

// Removes the attachment's routes, and interfaces of its network that no route needs any more.
void remove_host_access_if_present(const Attachment& attachment, std::string_view kind);

// The same for all attachments of `network` whose key is not among `valid`.
void collect_host_access(const std::string& network, std::string_view kind,
                         const std::set<std::string, std::less<>>& valid);

// What the host does not show for `addresses`, one sentence each.
[[nodiscard]] std::vector<std::string> host_access_problems(const Attachment& attachment,
                                                            std::string_view kind,
                                                            const std::vector<Cidr>& addresses);

}  // namespace linnet::attach
