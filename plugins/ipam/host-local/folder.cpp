#include "plugins/ipam/host-local/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::host_local {

namespace {

constexpr int kFolderVanishedTries = 20;

std::optional<Number> address_named(std::string_view name) {
  const std::optional<IpAddress> address = IpAddress::parse(name);
  return address && address->text() == name ? std::optional(to_number(*address)) : std::nullopt;
}

void lock_exclusively(int fd, const std::string& folder) {
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) {
      throw SystemError(errno, concat("lock ", folder, "/lock"));
    }
  }
}

}  // namespace

std::string StoreLocation::folder() const { return concat(data_dir, "/", network); }

std::string lease_name(Number address) { return to_address(address).text(); }

LockedFolder LockedFolder::ensure(const StoreLocation& location) {
  for (int i = 0; i < kFolderVanishedTries; ++i) {
    if (std::optional<LockedFolder> folder = find(location)) {
      return *std::move(folder);
    }
    ensure_directory(location.folder(), 0755);
  }
  // Not a folder, or one that somebody removes time and again.
  (void)open_file(location.folder(), O_RDONLY | O_DIRECTORY);
  throw SystemError(ENOENT, concat("keep ", location.folder()));
}

std::optional<LockedFolder> LockedFolder::find(const StoreLocation& location) {
  const std::string path = location.folder();
  LockedFolder folder;
  folder.directory_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.directory_) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return std::nullopt;
    }
    throw SystemError(errno, concat("open ", path));
  }
  folder.lock_ = UniqueFd(::openat(folder.fd(), "lock",
                                   O_CREAT | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0750));
  if (!folder.lock_) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    throw SystemError(errno, concat("open ", path, "/lock"));
  }
  lock_exclusively(folder.lock_.get(), path);
  struct stat status {};
  if (::fstat(folder.fd(), &status) != 0) {
    throw SystemError(errno, concat("look at ", path));
  }
  // Removed by somebody while this process waited for the lock.
  if (status.st_nlink == 0) {
    return std::nullopt;
  }
  folder.modified_ = Timestamp(status.st_mtim);
  return folder;
}

void LockedFolder::set_modified(const Timestamp& time) const {
  const std::array<timespec, 2> times = {{{0, UTIME_OMIT}, time.as_timespec()}};
  if (::futimens(fd(), times.data()) != 0) {
    throw SystemError(errno, "set the folder's time");
  }
}

std::vector<Number> LockedFolder::addresses() const {
  UniqueFd listed(::openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(listed ? ::fdopendir(listed.get()) : nullptr,
                                                    ::closedir);
  if (listing == nullptr) {
    throw SystemError(errno, "list the store's folder");
  }
  (void)listed.release();
  std::vector<Number> found;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(listing.get());
    if (entry == nullptr && errno != 0) {
      throw SystemError(errno, "list the store's folder");
    }
    if (entry == nullptr) {
      return found;
    }
    if (const std::optional<Number> address = address_named(entry->d_name)) {
      found.push_back(*address);
    }
  }
}

}  // namespace linnet::host_local
