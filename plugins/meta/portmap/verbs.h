// The verbs of portmap.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::portmap {

// prevResult as it came. Leaves nothing behind when it throws.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Needs neither prevResult nor a valid configuration. Goes on after errors, throws them at the end.
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing that is not as ADD left it.
void check(const cni::Request& request, const cni::NetConf& conf);
// Removes what belongs to the network's attachments that are not valid any more.
void gc(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the kernel cannot do what the configuration asks for.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::portmap
