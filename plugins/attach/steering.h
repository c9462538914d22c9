// Receive steering of a container's veth pair: the keys "rps", "rpsContainer" and "rpsSockFlowEntries" of the
// plugins that make one. Why, and what to choose: docs/receive-steering.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"
#include "netlink/link.h"
#include "netlink/netns.h"
#include "netlink/steering.h"

namespace linnet::attach {

struct Steering {
  enum class Mode {
    kAuto,  // flows go where their readers run, all else stays; kOff where the host has no flow table
    kOff,
    kAll,     // every CPU that is online and not isolated
    kCpus,    // those listed
    kFollow,  // flows go where their readers run, all else as with kAll
  };
  Mode mode = Mode::kOff;
  netlink::CpuSet cpus = {};     // of kCpus
  std::string_view key = "rps";  // for messages
};

struct SteeringConfig {
  Steering host = {.mode = Steering::Mode::kAuto};  // the host's end
  Steering container = {};                          // the container's end
  // What net.core.rps_sock_flow_entries is set to where it is 0 and a flow is to be followed; 0: the
  // administrator has not allowed that.
  std::uint32_t sock_flow_entries = 0;
};

// Throws cni::Error(kInvalidNetworkConfig) that names key, value and way out.
[[nodiscard]] SteeringConfig parse_steering(cni::ObjectReader& reader);

// Whether a flow can be followed: the host-wide table, which only the initial network namespace shows. To
// be called in the host's namespace. Makes the table where the configuration allows it; warns where
// "follow" is asked for and has no table.
[[nodiscard]] bool prepare_flow_following(const SteeringConfig& config);

// Whether the link is to be changed at all: spreading flows without knowing their readers costs more than
// it gives, so "follow" without a table is "off".
[[nodiscard]] bool is_steered(const Steering& steering, bool can_follow);

// Steers what `link`, of the calling thread's namespace, receives; nothing where it is not steered. Throws
// cni::Error for a CPU that is not online, SystemError when the kernel refuses; for "auto" that is only a
// warning.
void steer_receive(const Steering& steering, bool can_follow, const netlink::Link& link);

// What the kernel does not show of the steering of a pair, one sentence each.
[[nodiscard]] std::vector<std::string> steering_problems(netlink::Sandbox& sandbox,
                                                         const netlink::Link& host_end,
                                                         const netlink::Link& container_end,
                                                         const SteeringConfig& config);

}  // namespace linnet::attach
