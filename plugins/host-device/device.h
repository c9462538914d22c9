// Finding the device that the configuration means, in the namespace of the calling thread.
// Source: Documentation/ABI/testing/sysfs-class-net, sysfs-bus-pci; fsopen(2).
#pragma once

#include <optional>

#include "netlink/route_socket.h"
#include "plugins/host-device/config.h"

namespace linnet::host_device {

// Absent when there is none. Throws SystemError for a sysfs that cannot be read. Of several with one
// Ethernet address a hardware device comes before those on top of it.
[[nodiscard]] std::optional<netlink::Link> find_device(netlink::RouteSocket& socket,
                                                       const DeviceKeys& keys);

// Whether a program in user space drives the PCI device (vfio-pci, uio_pci_generic, igb_uio), so that there is
// no link to move.
[[nodiscard]] bool is_driven_by_user_space(const DeviceKeys& keys);

}  // namespace linnet::host_device
