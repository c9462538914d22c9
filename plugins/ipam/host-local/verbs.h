// The verbs of host-local. Contracts: skel::Plugin and the specification.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"
#include "plugins/ipam/collection.h"

namespace linnet::host_local {

// Reserves one address of each range set; what the owner holds already is returned again.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Frees every lease of the attachment.
void del(const cni::Request& request, const cni::NetConf& conf);
// Every address of prevResult that lies in the ranges is leased to the attachment.
void check(const cni::Request& request, const cni::NetConf& conf);
// Frees the leases of all attachments that the configuration does not list as valid.
void gc(const cni::Request& request, const cni::NetConf& conf);
// The same in steps; locks the store. Throws as gc().
[[nodiscard]] ipam::Collection begin_gc(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the store cannot be written or a range set is full.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::host_local
