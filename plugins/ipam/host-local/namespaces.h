// Which network namespaces are alive, so that leases whose namespace is gone can be told, and where they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace linnet::host_local {

// The inode number of the network namespace at `path`, 0 when it is none (or no longer).
[[nodiscard]] std::uint64_t netns_inode(const std::string& path);

// N of "net:[N]", as a link below /proc/PID/ns reads. Absent for another text.
[[nodiscard]] std::optional<std::uint64_t> namespace_number(std::string_view text);

struct MountedNamespace {
  std::uint64_t number = 0;
  std::string mount_point;  // in the mount namespace whose table this is
  friend bool operator==(const MountedNamespace&, const MountedNamespace&) = default;
};

// Network namespaces that a mount keeps, in the text of /proc/PID/mountinfo. Source: proc(5), fields 4 and 5.
[[nodiscard]] std::vector<MountedNamespace> mounted_namespaces(std::string_view mountinfo);

// The inode numbers, ascending, of all network namespaces that a process or thread runs in, a mount
// holds or a process has open. Absent when that cannot be known for sure: outside of the initial
// pid namespace, or when a process keeps its namespaces from being read.
//
// A namespace held by nothing but a socket, whose owner left it, is not found (proc(5) has no way).
[[nodiscard]] std::optional<std::vector<std::uint64_t>> live_network_namespaces();

// Opens those of `numbers` that are alive and that this process may see: the mounts of its own mount namespace are
// looked at first, then everything as above. A number may have passed on to another namespace since it was
// noted. Throws SystemError where only a shortage, such as EMFILE, kept it from looking.
[[nodiscard]] std::map<std::uint64_t, UniqueFd> open_namespaces(std::set<std::uint64_t> numbers);

}  // namespace linnet::host_local
