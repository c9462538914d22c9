// The machine that was measured on, for a reader of the figures.
#pragma once

#include <string>
#include <vector>

#include "libcni/json.h"
#include "rig/host.h"

namespace linnet::rig {

// "Linux 6.1.0 x86_64".
[[nodiscard]] std::string kernel_name();

// Kernel, CPU, number of CPUs, and the sysctls that decide about TCP and the receive path.
[[nodiscard]] cni::Json describe_machine();

// Of one link in the calling thread's namespace: kind, MTU, queueing discipline, and which offloads are on.
[[nodiscard]] cni::Json describe_link(const std::string& name);

// The first of /proc/loadavg.
[[nodiscard]] double load_average();

}  // namespace linnet::rig
