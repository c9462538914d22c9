#include "plugins/ipam/host-local/namespaces.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#ifndef STATX_INO
#include <linux/stat.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::host_local {

namespace {

constexpr long kNsfsMagic = 0x6e736673;
constexpr std::string_view kInitialPidNamespace = "pid:[4026531836]";
constexpr std::string_view kNetPrefix = "net:[";
constexpr int kDontSync = 0x4000;  // AT_STATX_DONT_SYNC
constexpr std::size_t kMountsLimit = std::size_t{64} << 20U;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// A process may end at any moment of the scan; everything else that is unreadable leaves a hole.
bool is_gone(int error) { return error == ENOENT || error == ESRCH; }

class Scan {
 public:
  // False when something could not be read.
  bool run() {
    struct stat own {};
    if (::stat("/proc/self/ns/net", &own) != 0) {
      return false;
    }
    nsfs_ = own.st_dev;
    return for_each_entry("/proc", [&](const std::string& process) {
      return !is_number(process) || scan_process(concat("/proc/", process));
    });
  }

  [[nodiscard]] std::vector<std::uint64_t> take() {
    std::ranges::sort(alive_);
    alive_.erase(std::unique(alive_.begin(), alive_.end()), alive_.end());
    return std::move(alive_);
  }

 private:
  static bool is_number(std::string_view name) { return parse_number<unsigned>(name).has_value(); }

  template <typename Visit>
  static bool for_each_entry(const std::string& path, Visit&& visit) {
    const Directory directory(::opendir(path.c_str()));
    if (directory == nullptr) {
      return is_gone(errno);
    }
    while (const dirent* const entry = ::readdir(directory.get())) {
      if (entry->d_name[0] != '.' && !visit(std::string(entry->d_name))) {
        return false;
      }
    }
    return true;
  }

  bool scan_process(const std::string& process) {
    const bool threads = for_each_entry(process + "/task", [&](const std::string& thread) {
      return add_link(concat(process, "/task/", thread, "/ns/net"));
    });
    return threads && scan_mounts(process) && scan_descriptors(process);
  }

  bool add_link(const std::string& path) {
    std::array<char, 64> target{};
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) {
      return is_gone(errno);
    }
    if (const auto number = namespace_number({target.data(), static_cast<std::size_t>(size)})) {
      alive_.push_back(*number);
    }
    return true;
  }

  // A mount namespace is read once.
  bool scan_mounts(const std::string& process) {
    struct stat mounts {};
    if (::stat((process + "/ns/mnt").c_str(), &mounts) != 0) {
      return is_gone(errno);
    }
    if (std::ranges::find(seen_mounts_, mounts.st_ino) != seen_mounts_.end()) {
      return true;
    }
    std::optional<std::string> table;
    try {
      table = find_file(process + "/mountinfo", kMountsLimit);
    } catch (const SystemError& error) {
      // EINVAL: the process has no mount namespace any more.
      return is_gone(error.code()) || error.code() == EINVAL;
    }
    if (!table) {
      return true;
    }
    seen_mounts_.push_back(mounts.st_ino);
    const std::vector<std::uint64_t> mounted = mounted_namespaces(*table);
    alive_.insert(alive_.end(), mounted.begin(), mounted.end());
    return true;
  }

  // Namespaces kept by a descriptor. The link's text shows a path for those opened through a mount,
  // so the descriptor's own inode is asked for, without a round trip to a server it may be on.
  bool scan_descriptors(const std::string& process) {
    return for_each_entry(process + "/fd", [&](const std::string& descriptor) {
      const std::string path = concat(process, "/fd/", descriptor);
      struct statx status {};
      // Not by the C library's function: musl before 1.2.4 has none.
      if (::syscall(SYS_statx, AT_FDCWD, path.c_str(), kDontSync, STATX_INO, &status) != 0) {
        return true;
      }
      if (makedev(status.stx_dev_major, status.stx_dev_minor) == nsfs_) {
        alive_.push_back(status.stx_ino);
      }
      return true;
    });
  }

  dev_t nsfs_ = 0;
  std::vector<ino_t> seen_mounts_;
  std::vector<std::uint64_t> alive_;
};

bool in_initial_pid_namespace() {
  std::array<char, 64> target{};
  const ssize_t size = ::readlink("/proc/self/ns/pid", target.data(), target.size());
  return size > 0 &&
         std::string_view(target.data(), static_cast<std::size_t>(size)) == kInitialPidNamespace;
}

}  // namespace

std::uint64_t netns_inode(const std::string& path) {
  struct stat status {};
  struct statfs system {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0 || ::statfs(path.c_str(), &system) != 0 ||
      system.f_type != kNsfsMagic) {
    return 0;
  }
  return status.st_ino;
}

std::optional<std::uint64_t> namespace_number(std::string_view text) {
  if (!text.starts_with(kNetPrefix)) {
    return std::nullopt;
  }
  text.remove_prefix(kNetPrefix.size());
  return parse_number<std::uint64_t>(text.substr(0, text.find(']')));
}

std::vector<std::uint64_t> mounted_namespaces(std::string_view mountinfo) {
  std::vector<std::uint64_t> mounted;
  for (std::size_t at = mountinfo.find(kNetPrefix); at != std::string_view::npos;
       at = mountinfo.find(kNetPrefix, at + 1)) {
    if (const auto number = namespace_number(mountinfo.substr(at))) {
      mounted.push_back(*number);
    }
  }
  return mounted;
}

std::optional<std::vector<std::uint64_t>> live_network_namespaces() {
  Scan scan;
  if (!in_initial_pid_namespace() || !scan.run()) {
    return std::nullopt;
  }
  return scan.take();
}

}  // namespace linnet::host_local
