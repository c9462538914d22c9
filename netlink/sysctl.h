// Kernel parameters of the network namespace the calling thread is in.
// Source: sysctl(8), Documentation/networking/ip-sysctl.rst.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linnet::netlink {

// Names are paths below /proc/sys with slashes ("net/ipv4/ip_forward"), put together by the caller from
// checked parts. A sysctl whose interface or protocol is absent is absent, not an error.

// Without the newline at the end.
[[nodiscard]] std::optional<std::string> find_sysctl(const std::string& name);

// Returns false when there is no such sysctl. Throws SystemError that names sysctl and value.
bool write_sysctl_if_present(const std::string& name, std::string_view value);

// Writes only when the value differs: reading does not need the permission that writing does, so a
// read-only /proc/sys with the right value is no error. Throws SystemError, ENOENT included.
void ensure_sysctl(const std::string& name, std::string_view value);

}  // namespace linnet::netlink
