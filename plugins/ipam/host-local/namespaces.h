// Which network namespaces are alive, so that leases whose namespace is gone can be told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::host_local {

// The inode number of the network namespace at `path`, 0 when it is none (or no longer).
[[nodiscard]] std::uint64_t netns_inode(const std::string& path);

// N of "net:[N]", as a link below /proc/PID/ns reads. Absent for another text.
[[nodiscard]] std::optional<std::uint64_t> namespace_number(std::string_view text);

// Those that a mount keeps, in the text of /proc/PID/mountinfo (field 4 is "net:[N]"). A path in it that reads the
// same counts, too: a lease too many is kept, never one given up.
[[nodiscard]] std::vector<std::uint64_t> mounted_namespaces(std::string_view mountinfo);

// The inode numbers, ascending, of all network namespaces that a process or thread runs in, a mount
// holds or a process has open. Absent when that cannot be known for sure: outside of the initial
// pid namespace, or when a process keeps its namespaces from being read.
//
// A namespace held by nothing but a socket, whose owner left it, is not found (proc(5) has no way).
[[nodiscard]] std::optional<std::vector<std::uint64_t>> live_network_namespaces();

}  // namespace linnet::host_local
