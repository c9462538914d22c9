#include "plugins/ipam/host-local/lease_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::host_local {

namespace {

constexpr const char* kMarkName = "user.linnet";
constexpr std::size_t kLeaseLimit = 64 * 1024;

std::string mark_text(const LeaseMark& mark) {
  return concat(mark.boot_id.empty() ? std::string_view("-") : std::string_view(mark.boot_id), " ",
                mark.netns_inode);
}

std::optional<LeaseMark> read_mark(int fd) {
  std::array<char, 96> value{};
  const ssize_t size = ::fgetxattr(fd, kMarkName, value.data(), value.size());
  // No mark is one thing; one that nobody could read would end an interface's hold on its address.
  if (size < 0 && is_shortage(errno)) {
    throw SystemError(errno, "read the mark of a lease");
  }
  if (size <= 0) {
    return std::nullopt;
  }
  const std::string_view text(value.data(), static_cast<std::size_t>(size));
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> inode = parse_number<std::uint64_t>(text.substr(space + 1));
  if (!inode) {
    return std::nullopt;
  }
  const std::string_view boot = text.substr(0, space);
  return LeaseMark{boot == "-" ? std::string() : std::string(boot), *inode};
}

bool write_mark(int fd, const LeaseMark& mark) {
  const std::string text = mark_text(mark);
  return ::fsetxattr(fd, kMarkName, text.data(), text.size(), 0) == 0;
}

// Content of at most kLeaseLimit bytes; absent past that and when reading fails.
std::optional<std::string> read_content(int fd, off_t size) {
  if (size > static_cast<off_t>(kLeaseLimit)) {
    return std::nullopt;
  }
  std::string content(static_cast<std::size_t>(size), '\0');
  std::size_t used = 0;
  while (used < content.size()) {
    const ssize_t got = ::read(fd, content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return std::nullopt;
    }
    if (got == 0) {
      break;
    }
    used += static_cast<std::size_t>(got);
  }
  content.resize(used);
  return content;
}

UniqueFd open_temporary(int directory) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(directory, kTemporaryName, flags, 0600));
  if (!fd && errno == EEXIST) {
    ::unlinkat(directory, kTemporaryName, 0);
    fd.reset(::openat(directory, kTemporaryName, flags, 0600));
  }
  if (!fd) {
    throw SystemError(errno, concat("make ", kTemporaryName));
  }
  return fd;
}

// Gives an unnamed file a name. Absent when this system cannot, or the name exists.
enum class Linked { kDone, kExists, kUnsupported };

Linked link_unnamed(int fd, int directory, const std::string& name) {
  const std::string path = concat("/proc/self/fd/", fd);
  if (::linkat(AT_FDCWD, path.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return Linked::kDone;
  }
  if (errno == EEXIST) {
    return Linked::kExists;
  }
  // Without /proc, and on file systems that open unnamed files but cannot link them.
  if (errno == ENOENT || errno == EOPNOTSUPP || errno == EINVAL || errno == EXDEV) {
    return Linked::kUnsupported;
  }
  throw SystemError(errno, concat("make lease ", name));
}

// Absent when the file system has no unnamed files or cannot link them.
std::optional<WrittenLease> write_unnamed(int directory, const std::string& name,
                                          std::string_view content, const LeaseMark& mark) {
  const UniqueFd fd(::openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) {
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT) {
      return std::nullopt;
    }
    throw SystemError(errno, concat("make lease ", name));
  }
  const bool marked = write_mark(fd.get(), mark);
  write_all(fd.get(), content, name);
  switch (link_unnamed(fd.get(), directory, name)) {
    case Linked::kDone:
      return WrittenLease{true, marked};
    case Linked::kExists:
      return WrittenLease{false, false};
    case Linked::kUnsupported:
      break;
  }
  return std::nullopt;
}

WrittenLease write_named(int directory, const std::string& name, std::string_view content,
                         const LeaseMark* mark, OnExisting on_existing) {
  const UniqueFd fd = open_temporary(directory);
  try {
    const bool marked = mark != nullptr && write_mark(fd.get(), *mark);
    write_all(fd.get(), content, name);
    if (on_existing == OnExisting::kReplace) {
      if (::renameat(directory, kTemporaryName, directory, name.c_str()) != 0) {
        throw SystemError(errno, concat("replace ", name));
      }
      return {true, marked};
    }
    const bool created = ::linkat(directory, kTemporaryName, directory, name.c_str(), 0) == 0;
    if (!created && errno != EEXIST) {
      throw SystemError(errno, concat("make lease ", name));
    }
    ::unlinkat(directory, kTemporaryName, 0);
    return {created, created && marked};
  } catch (...) {
    ::unlinkat(directory, kTemporaryName, 0);
    throw;
  }
}

}  // namespace

timespec Timestamp::as_timespec() const {
  timespec time{};
  time.tv_sec = seconds;
  time.tv_nsec = nanoseconds;
  return time;
}

std::optional<Owner> parse_owner(std::string_view text) {
  constexpr std::string_view kBetween = "\r\n";
  const std::size_t end = text.find(kBetween);
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  return Owner{std::string(text.substr(0, end)), std::string(text.substr(end + kBetween.size()))};
}

std::string Owner::text() const { return concat(trim(container_id), "\r\n", ifname); }

std::string Owner::legacy_text() const { return std::string(trim(container_id)); }

std::optional<LeaseFile> find_lease_file(int directory, const std::string& name) {
  const UniqueFd fd(
      ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  LeaseFile lease;
  if (!fd) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    if (is_shortage(errno)) {
      throw SystemError(errno, concat("open lease ", name));
    }
    lease.foreign = true;
    return lease;
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    throw SystemError(errno, concat("look at lease ", name));
  }
  if (!S_ISREG(status.st_mode)) {
    lease.foreign = true;
    return lease;
  }
  lease.inode = status.st_ino;
  lease.changed = Timestamp(status.st_ctim);
  const std::optional<std::string> content = read_content(fd.get(), status.st_size);
  lease.foreign = !content;
  lease.unreadable = !content && status.st_size <= static_cast<off_t>(kLeaseLimit);
  if (content) {
    lease.owner = trim(*content);
    lease.mark = read_mark(fd.get());
  }
  return lease;
}

WrittenLease write_lease_file(int directory, const std::string& name, std::string_view content,
                              const LeaseMark& mark, OnExisting on_existing) {
  if (on_existing == OnExisting::kKeep) {
    if (const std::optional<WrittenLease> written = write_unnamed(directory, name, content, mark)) {
      return *written;
    }
  }
  return write_named(directory, name, content, &mark, on_existing);
}

void update_mark(int directory, const std::string& name, const LeaseMark& mark) {
  const UniqueFd fd(
      ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (fd) {
    write_mark(fd.get(), mark);
  }
}

void replace_file(int directory, const std::string& name, std::string_view content) {
  (void)write_named(directory, name, content, nullptr, OnExisting::kReplace);
}

}  // namespace linnet::host_local
