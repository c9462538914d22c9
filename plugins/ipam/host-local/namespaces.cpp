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
#include <charconv>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

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

// A process may end at any moment of the scan.
bool is_gone(int error) { return error == ENOENT || error == ESRCH; }

bool is_number(std::string_view name) { return parse_number<unsigned>(name).has_value(); }

// Goes through the namespaces of all processes.
class Scan {
 public:
  // Called with a namespace's number and a path to it, of which some do not last; false ends the scan.
  using Visit = std::function<bool(std::uint64_t number, const std::string& path)>;

  explicit Scan(Visit visit) : visit_(std::move(visit)) {
    struct stat own {};
    if (::stat("/proc/self/ns/net", &own) != 0) {
      throw SystemError(errno, "look at /proc/self/ns/net");
    }
    nsfs_ = own.st_dev;
  }

  // Those that are mounted where this process can see it. False when `visit` ended it.
  bool run_on_own_mounts() { return scan_mounts("/proc/self", ""); }

  // False when `visit` ended it. What is unreadable for another reason than that its process is gone leaves a hole.
  bool run() {
    return for_each_entry("/proc", [&](const std::string& process) {
      return !is_number(process) || scan_process(concat("/proc/", process));
    });
  }

  [[nodiscard]] bool has_holes() const { return holes_; }

 private:
  void note(int error, const std::string& path) {
    if (is_shortage(error)) {
      throw SystemError(error, concat("look for network namespaces in ", path));
    }
    holes_ = holes_ || !is_gone(error);
  }

  template <typename Step>
  bool for_each_entry(const std::string& path, Step&& step) {
    const Directory directory(::opendir(path.c_str()));
    if (directory == nullptr) {
      note(errno, path);
      return true;
    }
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(directory.get());
      if (entry == nullptr) {
        if (errno != 0) {
          note(errno, path);
        }
        return true;
      }
      if (entry->d_name[0] != '.' && !step(std::string(entry->d_name))) {
        return false;
      }
    }
  }

  bool scan_process(const std::string& process) {
    return for_each_entry(process + "/task",
                          [&](const std::string& thread) {
                            return visit_link(concat(process, "/task/", thread, "/ns/net"));
                          }) &&
           scan_mounts(process, process + "/root") && scan_descriptors(process);
  }

  bool visit_link(const std::string& path) {
    std::array<char, 64> target{};
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) {
      note(errno, path);
      return true;
    }
    const auto number = namespace_number({target.data(), static_cast<std::size_t>(size)});
    return !number || visit_(*number, path);
  }

  // A mount namespace is read once.
  bool scan_mounts(const std::string& process, const std::string& root) {
    struct stat mounts {};
    if (::stat((process + "/ns/mnt").c_str(), &mounts) != 0) {
      note(errno, process);
      return true;
    }
    if (std::ranges::find(seen_mounts_, mounts.st_ino) != seen_mounts_.end()) {
      return true;
    }
    const std::optional<std::string> table = read_mounts(process + "/mountinfo");
    if (!table) {
      return true;
    }
    seen_mounts_.push_back(mounts.st_ino);
    const std::vector<MountedNamespace> mounted = mounted_namespaces(*table);
    return std::ranges::all_of(mounted, [&](const MountedNamespace& one) {
      return visit_(one.number, root + one.mount_point);
    });
  }

  std::optional<std::string> read_mounts(const std::string& path) {
    try {
      return find_file(path, kMountsLimit);
    } catch (const SystemError& error) {
      // EINVAL: the process has no mount namespace any more.
      if (error.code() != EINVAL) {
        note(error.code(), path);
      }
      return std::nullopt;
    }
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
      return makedev(status.stx_dev_major, status.stx_dev_minor) != nsfs_ ||
             visit_(status.stx_ino, path);
    });
  }

  Visit visit_;
  dev_t nsfs_ = 0;
  bool holes_ = false;
  std::vector<ino_t> seen_mounts_;
};

// The namespace at `path` if it is still the one with that number.
UniqueFd open_namespace(const std::string& path, std::uint64_t number) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (is_shortage(errno)) {
      throw SystemError(errno, concat("open network namespace ", path));
    }
    return {};
  }
  struct stat status {};
  struct statfs system {};
  if (::fstat(fd.get(), &status) != 0 || ::fstatfs(fd.get(), &system) != 0) {
    throw SystemError(errno, concat("look at network namespace ", path));
  }
  return system.f_type == kNsfsMagic && status.st_ino == number ? std::move(fd) : UniqueFd();
}

// "\040" of a mount point is a space: proc(5), getmntent(3).
std::string unescaped(std::string_view text) {
  constexpr std::size_t kDigits = 3;
  std::string plain;
  while (!text.empty()) {
    const std::string_view digits = text.substr(1, kDigits);
    const bool escape = text[0] == '\\' && digits.size() == kDigits &&
                        digits.find_first_not_of("01234567") == std::string_view::npos;
    unsigned code = static_cast<unsigned char>(text[0]);
    if (escape) {
      std::from_chars(digits.data(), digits.data() + digits.size(), code, 8);
    }
    plain += static_cast<char>(code);
    text.remove_prefix(escape ? 1 + kDigits : 1);
  }
  return plain;
}

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

std::vector<MountedNamespace> mounted_namespaces(std::string_view mountinfo) {
  constexpr std::size_t kRoot = 3;
  constexpr std::size_t kMountPoint = 4;
  constexpr std::size_t kFields = 5;
  std::vector<MountedNamespace> mounted;
  while (!mountinfo.empty()) {
    std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(line.size() + 1, mountinfo.size()));
    std::array<std::string_view, kFields> fields;
    for (std::string_view& field : fields) {
      field = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(field.size() + 1, line.size()));
    }
    if (const auto number = namespace_number(fields[kRoot])) {
      mounted.push_back({*number, unescaped(fields[kMountPoint])});
    }
  }
  return mounted;
}

std::optional<std::vector<std::uint64_t>> live_network_namespaces() {
  std::vector<std::uint64_t> alive;
  try {
    Scan scan([&](std::uint64_t number, const std::string&) {
      alive.push_back(number);
      return true;
    });
    if (!in_initial_pid_namespace() || !scan.run() || scan.has_holes()) {
      return std::nullopt;
    }
  } catch (const SystemError&) {
    return std::nullopt;
  }
  std::ranges::sort(alive);
  alive.erase(std::unique(alive.begin(), alive.end()), alive.end());
  return alive;
}

std::map<std::uint64_t, UniqueFd> open_namespaces(std::set<std::uint64_t> numbers) {
  std::map<std::uint64_t, UniqueFd> open;
  if (numbers.empty()) {
    return open;
  }
  Scan scan([&](std::uint64_t number, const std::string& path) {
    if (numbers.contains(number)) {
      if (UniqueFd fd = open_namespace(path, number)) {
        open.emplace(number, std::move(fd));
        numbers.erase(number);
      }
    }
    return !numbers.empty();
  });
  if (scan.run_on_own_mounts()) {
    scan.run();
  }
  return open;
}

}  // namespace linnet::host_local
