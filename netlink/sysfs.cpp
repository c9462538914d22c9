#include "netlink/sysfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"

namespace linnet::netlink {

// glibc has these since 2.36 only.
UniqueFd mount_sysfs() {
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "sysfs", FSOPEN_CLOEXEC)));
  if (!context ||
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    throw SystemError(errno, "mount the sysfs of this network namespace");
  }
  UniqueFd root(
      static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC,
                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)));
  if (!root) {
    throw SystemError(errno, "mount the sysfs of this network namespace");
  }
  return root;
}

UniqueFd open_sysfs_here() {
  try {
    return mount_sysfs();
  } catch (const SystemError& error) {
    if (error.code() != ENOSYS) {
      throw;
    }
    return open_file("/sys", O_PATH | O_DIRECTORY);
  }
}

}  // namespace linnet::netlink
