// DEL, GC and the end of STATUS of the plugins that connect a container by a veth pair.
#pragma once

#include <functional>

#include "libcni/request.h"
#include "netlink/route_socket.h"

namespace linnet::attach {

// Removes everything that the attachment owns: rules, pair, leases. What is gone already is no error, and
// an error in one part does not keep the others from being removed. Needs neither namespace nor
// prevResult, and no other key than "ipam".
void del_pair(const cni::Request& request, const cni::NetConf& conf);

// The same for all attachments of the network that are not valid any more.
void gc_pairs(const cni::Request& request, const cni::NetConf& conf);

// `make` makes what an ADD makes on the host, in a new network namespace, which goes with this process, so
// that whatever this kernel lacks shows itself: cni::Error(kPluginNotAvailable).
void rehearse(const std::function<void(netlink::RouteSocket&)>& make);

}  // namespace linnet::attach
