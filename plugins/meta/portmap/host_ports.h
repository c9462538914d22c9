// Ports that programs of the host itself listen on.
#pragma once

#include "plugins/meta/portmap/config.h"

namespace linnet::portmap {

// Throws cni::Error(kInvalidNetworkConfig) when a socket of this host waits on a port that a mapping would
// redirect: it names the port, the socket's address and, where it can be seen, the process. Sockets of
// conmon do not count: Podman has it hold the ports of its containers.
void refuse_ports_in_use(const Config& config, const std::vector<Cidr>& addresses);

}  // namespace linnet::portmap
