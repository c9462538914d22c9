// DEL and GC of the plugins that connect a container by a veth pair.
#pragma once

#include "libcni/request.h"

namespace linnet::attach {

// Removes everything that the attachment owns: rules, pair, leases. What is gone already is no error, and
// an error in one part does not keep the others from being removed. Needs neither namespace nor
// prevResult, and no other key than "ipam".
void del_pair(const cni::Request& request, const cni::NetConf& conf);

// The same for all attachments of the network that are not valid any more.
void gc_pairs(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::attach
