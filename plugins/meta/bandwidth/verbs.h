// The verbs of bandwidth.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::bandwidth {

// prevResult, with the ifb of an egress limit at the end. Leaves nothing changed when it throws. Another ADD of
// the attachment changes the limits.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Removes the limits; needs neither namespace nor prevResult nor any key.
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing that is not as ADD left it.
void check(const cni::Request& request, const cni::NetConf& conf);
// Removes the ifbs of the network's attachments that are not valid any more.
void gc(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the kernel cannot limit rates.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::bandwidth
