// The verbs of tuning.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::tuning {

// prevResult with the new MAC address and MTU. Leaves nothing changed when it throws.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Gives the interface back what ADD changed, as far as it is there, and forgets it. Errors are warnings:
// a runtime stops at an error, and the plugins before this one could not clean up.
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing that is not as ADD left it.
void check(const cni::Request& request, const cni::NetConf& conf);
// Removes the backups of the network's attachments that are not valid any more.
void gc(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the folder of the backups cannot be written, or the list of allowed sysctls not be read.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::tuning
