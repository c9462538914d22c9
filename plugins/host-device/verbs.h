// The verbs of host-device.
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::host_device {

// Leaves nothing behind when it throws: the device is back on the host as it was, but for its addresses.
[[nodiscard]] cni::Result add(const cni::Request& request, const cni::NetConf& conf);
// Gives device and addresses back; what is gone already is no error.
void del(const cni::Request& request, const cni::NetConf& conf);
// Throws cni::Error with a sentence for each thing of ADD that the kernel does not show any more.
void check(const cni::Request& request, const cni::NetConf& conf);
// Leases, and devices that came back by themselves, of attachments that are not valid any more.
void gc(const cni::Request& request, const cni::NetConf& conf);
// Error 50 when the device is not on the host, or IPAM has nothing to give.
void status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::host_device
