#include "tests/faults/system_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"

namespace linnet::test {

namespace {

// Whether something outside the process is another after the call.
enum class Effect { kNone, kWorld };

struct Row {
  long number;
  const char* name;
  Effect effect;
  std::vector<int> errors;
};

const std::vector<Row>& rows() {
  using enum Effect;
  static const std::vector<Row> table = {
      {SYS_read, "read", kNone, {EIO, EINTR}},
      {SYS_readv, "readv", kNone, {EIO, EINTR}},
      {SYS_pread64, "pread64", kNone, {EIO, EINTR}},
      {SYS_write, "write", kWorld, {ENOSPC, EIO, EINTR}},
      {SYS_writev, "writev", kWorld, {ENOSPC, EIO}},
      {SYS_pwrite64, "pwrite64", kWorld, {ENOSPC, EIO, EINTR}},
      {SYS_ftruncate, "ftruncate", kWorld, {EIO, EINTR}},
      {SYS_openat, "openat", kWorld, {EMFILE, ENOMEM, EINTR}},
      {SYS_open, "open", kWorld, {EMFILE, ENOMEM, EINTR}},
      {SYS_socket, "socket", kNone, {EMFILE, ENOBUFS, ENOMEM}},
      {SYS_bind, "bind", kNone, {ENOMEM}},
      {SYS_connect, "connect", kNone, {EINTR, EAGAIN, ENOMEM}},
      {SYS_getsockname, "getsockname", kNone, {ENOBUFS}},
      {SYS_setsockopt, "setsockopt", kNone, {ENOMEM}},
      {SYS_sendto, "sendto", kWorld, {ENOBUFS, ENOMEM, EINTR}},
      {SYS_sendmsg, "sendmsg", kWorld, {ENOBUFS, ENOMEM, EINTR}},
      {SYS_recvfrom, "recvfrom", kNone, {ENOBUFS, ENOMEM, EINTR}},
      {SYS_recvmsg, "recvmsg", kNone, {ENOBUFS, ENOMEM, EINTR}},
      {SYS_recvmmsg, "recvmmsg", kNone, {ENOBUFS, ENOMEM, EINTR}},
      {SYS_poll, "poll", kNone, {EINTR, ENOMEM}},
      {SYS_ppoll, "ppoll", kNone, {EINTR, ENOMEM}},
      {SYS_setns, "setns", kNone, {ENOMEM}},
      {SYS_unshare, "unshare", kNone, {ENOMEM, ENOSPC}},
      {SYS_ioctl, "ioctl", kWorld, {ENOMEM, EBUSY}},
      {SYS_flock, "flock", kNone, {EINTR, ENOLCK}},
      {SYS_fstat, "fstat", kNone, {ENOMEM}},
      {SYS_newfstatat, "newfstatat", kNone, {ENOMEM}},
      {SYS_stat, "stat", kNone, {ENOMEM}},
      {SYS_lstat, "lstat", kNone, {ENOMEM}},
      {SYS_statx, "statx", kNone, {ENOMEM}},
      {SYS_statfs, "statfs", kNone, {EIO, ENOMEM}},
      {SYS_fstatfs, "fstatfs", kNone, {EIO, ENOMEM}},
      {SYS_faccessat, "faccessat", kNone, {EIO, ENOMEM}},
      {SYS_faccessat2, "faccessat2", kNone, {EIO, ENOMEM}},
      {SYS_access, "access", kNone, {EIO, ENOMEM}},
      {SYS_readlinkat, "readlinkat", kNone, {EIO, ENOMEM}},
      {SYS_getdents64, "getdents64", kNone, {EIO}},
      {SYS_mkdir, "mkdir", kWorld, {ENOSPC, ENOMEM}},
      {SYS_mkdirat, "mkdirat", kWorld, {ENOSPC, ENOMEM}},
      {SYS_link, "link", kWorld, {ENOSPC, EIO}},
      {SYS_linkat, "linkat", kWorld, {ENOSPC, EIO}},
      {SYS_rename, "rename", kWorld, {ENOSPC, EIO, EBUSY}},
      {SYS_renameat, "renameat", kWorld, {ENOSPC, EIO, EBUSY}},
      {SYS_unlink, "unlink", kWorld, {EIO, EBUSY}},
      {SYS_unlinkat, "unlinkat", kWorld, {EIO, EBUSY}},
      {SYS_rmdir, "rmdir", kWorld, {EIO, EBUSY}},
      {SYS_chmod, "chmod", kWorld, {EIO}},
      {SYS_fchmod, "fchmod", kWorld, {EIO}},
      {SYS_fsetxattr, "fsetxattr", kWorld, {ENOSPC}},
      {SYS_fgetxattr, "fgetxattr", kNone, {ENOMEM}},
      {SYS_utimensat, "utimensat", kWorld, {EIO}},
      {SYS_fsync, "fsync", kWorld, {EIO, ENOSPC}},
      {SYS_fsopen, "fsopen", kNone, {EMFILE, ENOMEM}},
      {SYS_fsconfig, "fsconfig", kNone, {ENOMEM}},
      {SYS_fsmount, "fsmount", kNone, {EMFILE, ENOMEM}},
      {SYS_clone3, "clone3", kWorld, {EAGAIN, ENOMEM}},
      {SYS_clone, "clone", kWorld, {EAGAIN, ENOMEM}},
      {SYS_vfork, "vfork", kWorld, {EAGAIN, ENOMEM}},
      {SYS_wait4, "wait4", kNone, {EINTR}},
      {SYS_pidfd_open, "pidfd_open", kNone, {EMFILE, ENOMEM}},
      {SYS_pipe2, "pipe2", kNone, {EMFILE}},
      {SYS_eventfd2, "eventfd2", kNone, {EMFILE}},
      {SYS_timerfd_create, "timerfd_create", kNone, {EMFILE}},
      // What a container's seccomp filter may refuse.
      {SYS_capget, "capget", kNone, {EPERM}},
      {SYS_capset, "capset", kNone, {EPERM}},
      {SYS_prctl, "prctl", kNone, {EPERM}},
      {SYS_prlimit64, "prlimit64", kNone, {}},
      // Nothing that would be left undone: a descriptor is closed whatever close(2) returns.
      {SYS_close, "close", kNone, {}},
      {SYS_lseek, "lseek", kNone, {}},
      {SYS_fcntl, "fcntl", kNone, {}},
      {SYS_dup2, "dup2", kNone, {}},
      {SYS_close_range, "close_range", kNone, {}},
      {SYS_getrandom, "getrandom", kNone, {EAGAIN}},
      {SYS_mmap, "mmap", kNone, {ENOMEM}},
      // Of the C library, before main() or where it has another way.
      {SYS_brk, "brk", kNone, {}},
      {SYS_munmap, "munmap", kNone, {}},
      {SYS_mremap, "mremap", kNone, {}},
      {SYS_mprotect, "mprotect", kNone, {}},
      {SYS_madvise, "madvise", kNone, {}},
      {SYS_arch_prctl, "arch_prctl", kNone, {}},
      {SYS_set_tid_address, "set_tid_address", kNone, {}},
      {SYS_set_robust_list, "set_robust_list", kNone, {}},
      {SYS_rseq, "rseq", kNone, {}},
      {SYS_readlink, "readlink", kNone, {}},
      {SYS_futex, "futex", kNone, {}},
      {SYS_rt_sigaction, "rt_sigaction", kNone, {}},
      {SYS_rt_sigprocmask, "rt_sigprocmask", kNone, {}},
      {SYS_rt_sigpending, "rt_sigpending", kNone, {}},
      {SYS_rt_sigreturn, "rt_sigreturn", kNone, {}},
      {SYS_execve, "execve", kNone, {EAGAIN, ENOMEM}},
      {SYS_getpid, "getpid", kNone, {}},
      {SYS_gettid, "gettid", kNone, {}},
      {SYS_geteuid, "geteuid", kNone, {}},
      {SYS_kill, "kill", kWorld, {}},
      {SYS_tgkill, "tgkill", kWorld, {}},
      {SYS_clock_gettime, "clock_gettime", kNone, {}},
      {SYS_clock_nanosleep, "clock_nanosleep", kNone, {EINTR}},
      {SYS_sched_getaffinity, "sched_getaffinity", kNone, {}},
      {SYS_exit, "exit", kNone, {}},
      {SYS_exit_group, "exit_group", kNone, {}},
  };
  return table;
}

const Row* row_of(const SystemCall& call) {
  const auto found = std::ranges::find(rows(), call.number, &Row::number);
  return found == rows().end() ? nullptr : &*found;
}

bool may_create(const SystemCall& call) {
  const std::uint64_t flags = call.arguments[call.number == SYS_openat ? 2 : 1];
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE || (flags & O_TRUNC) != 0;
}

bool is_open(const SystemCall& call) {
  return call.number == SYS_openat || call.number == SYS_open;
}

}  // namespace

std::optional<std::string> name_of(const SystemCall& call) {
  const Row* row = row_of(call);
  return row == nullptr ? std::nullopt : std::optional<std::string>(row->name);
}

bool changes_the_world(const SystemCall& call) {
  const Row* row = row_of(call);
  return row == nullptr || (is_open(call) ? may_create(call) : row->effect == Effect::kWorld);
}

std::vector<int> errors_of(const SystemCall& call) {
  const Row* row = row_of(call);
  if (row == nullptr) {
    return {};
  }
  std::vector<int> errors = row->errors;
  if (is_open(call) && may_create(call)) {
    errors.push_back(ENOSPC);
  }
  return errors;
}

std::string describe(const SystemCall& call) {
  return concat("system call ", call.nth, " (",
                name_of(call).value_or(concat("number ", call.number)), ")");
}

}  // namespace linnet::test
