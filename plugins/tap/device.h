// Making a persistent tap device.
// Source: Documentation/networking/tuntap.rst, linux/if_tun.h, proc_pid_attr(5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "netlink/netns.h"

namespace linnet::tap {

struct TapDevice {
  std::string name;
  bool multi_queue = false;
  std::optional<std::uint32_t> owner = {};
  std::optional<std::uint32_t> group = {};
};

// Makes the device in the namespace of the calling thread; frames carry no packet information but a
// virtio header. Throws SystemError; a device that is half made is gone then.
void make_tap(const TapDevice& device);

// The same in `sandbox`, labelled with an SELinux context: the kernel labels the device with the context of the
// process that makes it, and that changes by execution only, so this executable executes itself. Throws
// SystemError.
void make_labelled_tap(netlink::Sandbox& sandbox, const TapDevice& device,
                       const std::string& context);

// What this executable does when it was executed by make_labelled_tap(): makes the device that its
// arguments say, and returns 0 or errno. Absent when the arguments say nothing of the kind.
[[nodiscard]] std::optional<int> run_as_maker(std::span<const char* const> arguments);

}  // namespace linnet::tap
