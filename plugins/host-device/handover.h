// Moving a device between the host and a container.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/error_list.h"
#include "libcni/request.h"
#include "netlink/netns.h"
#include "plugins/attach/attachment.h"
#include "plugins/host-device/config.h"

namespace linnet::host_device {

// The device on the host, also where it came back by itself and has the name of a container's interface.
[[nodiscard]] std::optional<netlink::Link> find_present_or_returned(netlink::RouteSocket& host,
                                                                    const DeviceKeys& keys);

// The device on the host. One that came back by itself when a container's namespace ended gets its name and
// state back first. Throws cni::Error when there is none.
[[nodiscard]] netlink::Link get_device(netlink::RouteSocket& host, const DeviceKeys& keys);

// Moves it into the sandbox as `ifname`, marked, down: in one message, so that nobody on the host ever sees it
// under that name.
void take_device(netlink::RouteSocket& host, const netlink::Sandbox& sandbox,
                 const netlink::Link& device, const attach::Attachment& attachment);

// Gives the attachment's device back with the name, alias and state it had, from the container or, where the
// namespace is gone, from where the kernel has put it. Does nothing when there is none: a device without
// hardware goes with the namespace. Throws cni::Error, and changes nothing, when the host has a link of that
// name meanwhile.
void give_back_device(const cni::Request& request, const attach::Attachment& attachment,
                      const DeviceKeys& keys);

// The first half of it: false when the device is not in the container.
bool give_back_from_container(const cni::Request& request, const attach::Attachment& attachment,
                              const DeviceKeys& keys);

// Does that for devices that came back from containers of the network whose key is not among `valid`.
void collect_returned_devices(const std::string& network,
                              const std::set<std::string, std::less<>>& valid, ErrorList& errors);

}  // namespace linnet::host_device
