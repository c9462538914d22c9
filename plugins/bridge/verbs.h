// The verbs of the bridge plugin.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::bridge {

// Leaves nothing behind when it throws, except the bridge, its gateway address, and forwarding, which
// other containers share.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);

// Removes everything that the attachment owns: what is gone already is no error, and an error in one
// part does not keep the others from being removed. Needs neither namespace nor prevResult.
void del(const cni::Request& request, const cni::NetConf& conf);

// Throws cni::Error with a sentence for each thing of ADD that the kernel does not show any more.
void check(const cni::Request& request, const cni::NetConf& conf);

// Removes links, rules and leases of the network's attachments that are not valid any more.
void gc(const cni::Request& request, const cni::NetConf& conf);

// Throws cni::Error(kPluginNotAvailable) when an ADD would fail.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::bridge
