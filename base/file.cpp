#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace linnet {

namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// Absent where the file system has no unnamed files.
UniqueFd try_to_open_unnamed(const std::string& folder, mode_t mode) {
  UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
  if (!fd && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT) {
    throw SystemError(errno, concat("make a file in ", folder));
  }
  return fd;
}

void fill(int fd, std::string_view content, mode_t mode, const std::string& name) {
  if (::fchmod(fd, mode) != 0) {
    throw SystemError(errno, concat("set the mode of ", name));
  }
  write_all(fd, content, name);
}

// False when the name is taken, or without /proc.
bool try_to_name(int fd, const std::string& path) {
  const std::string self = concat("/proc/self/fd/", fd);
  return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

bool name_anew(int fd, const std::string& temporary) {
  if (try_to_name(fd, temporary)) {
    return true;
  }
  ::unlink(temporary.c_str());
  return try_to_name(fd, temporary);
}

// O_EXCL keeps a planted link from being followed.
UniqueFd make_anew(const std::string& temporary, mode_t mode) {
  ::unlink(temporary.c_str());
  return open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

}  // namespace

std::string temporary_name(const std::string& path) { return concat(path, ".tmp"); }

std::string read_all(int fd, std::size_t limit, std::string_view name) {
  std::string content;
  std::size_t used = 0;
  // One read finds the end of an ordinary configuration or state file and one more confirms it.
  content.resize(4096);
  for (;;) {
    const ssize_t got = ::read(fd, content.data() + used, content.size() - used);
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw SystemError(errno, concat("read ", name));
    }
    if (got == 0) {
      content.resize(used);
      return content;
    }
    used += static_cast<std::size_t>(got);
    if (used > limit) {
      throw SystemError(EFBIG, concat("read ", name, ": more than ", limit, " bytes"));
    }
    if (used == content.size()) {
      content.resize(content.size() * 2);
    }
  }
}

std::optional<std::string> find_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return std::nullopt;
    }
    throw SystemError(errno, concat("open ", path));
  }
  return read_all(fd.get(), limit, path);
}

std::string read_file(const std::string& path, std::size_t limit) {
  if (std::optional<std::string> content = find_file(path, limit)) {
    return *std::move(content);
  }
  throw SystemError(ENOENT, concat("open ", path));
}

void write_all(int fd, std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw SystemError(errno, concat("write ", name));
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_file_atomically(const std::string& path, std::string_view content, mode_t mode) {
  const UniqueFd unnamed = try_to_open_unnamed(folder_of(path), mode);
  if (unnamed) {
    fill(unnamed.get(), content, mode, path);
    if (try_to_name(unnamed.get(), path)) {
      return;
    }
  }
  const std::string temporary = temporary_name(path);
  try {
    if (!unnamed || !name_anew(unnamed.get(), temporary)) {
      fill(make_anew(temporary, mode).get(), content, mode, temporary);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      throw SystemError(errno, concat("rename ", temporary, " to ", path));
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void ensure_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) {
    return;
  }
  const std::size_t slash = path.find_last_of('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0) {
    throw SystemError(errno, concat("make folder ", path));
  }
  ensure_directory(path.substr(0, slash), mode);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    throw SystemError(errno, concat("make folder ", path));
  }
}

UniqueFd open_file(const std::string& path, int flags, mode_t mode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) {
      return UniqueFd(fd);
    }
    if (errno != EINTR) {
      throw SystemError(errno, concat("open ", path));
    }
  }
}

}  // namespace linnet
