// sysfs of one network namespace, whatever is mounted at /sys.
// Source: mount_setattr(2) and the fsopen(2) family.
#pragma once

#include "base/unique_fd.h"

namespace linnet::netlink {

// The root of a sysfs that shows the links of the calling thread's network namespace, attached nowhere. Throws
// SystemError; ENOSYS for a kernel without fsopen(2) (before 5.2).
[[nodiscard]] UniqueFd mount_sysfs();

// The same, or /sys where the kernel cannot do that.
[[nodiscard]] UniqueFd open_sysfs_here();

}  // namespace linnet::netlink
