// Whole-file input and output.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace linnet {

// Everything that `fd` gives until its end. Throws SystemError; EFBIG when there are more than
// `limit` bytes.
[[nodiscard]] std::string read_all(int fd, std::size_t limit, std::string_view name);

// The content of `path`, absent when it does not exist. Opened close-on-exec and, so that a planted
// FIFO cannot hang the caller, without blocking. Throws SystemError; EFBIG past `limit` bytes.
[[nodiscard]] std::optional<std::string> find_file(const std::string& path, std::size_t limit);

// As find_file, but a missing file is an error.
[[nodiscard]] std::string read_file(const std::string& path, std::size_t limit);

// Writes all of `content`, going on after partial writes and EINTR. Throws SystemError.
void write_all(int fd, std::string_view content, std::string_view name);

// Replaces `path` by a file of that content and mode, or leaves it as it was. No reader ever sees a part of
// it. `mode` is not subject to the umask. A file that is new gets its name when it is complete (an unnamed
// file, then linkat(2)); one that replaces another, or is on a file system without unnamed files, has
// temporary_name() until rename(2), where a caller that is killed leaves it. Not for two writers of one path
// at the same time. Throws SystemError and removes the temporary file.
void write_file_atomically(const std::string& path, std::string_view content, mode_t mode);

[[nodiscard]] std::string temporary_name(const std::string& path);

// Makes `path` and its missing parents with `mode` (subject to the umask). Throws SystemError.
void ensure_directory(const std::string& path, mode_t mode);

// open(2) with O_CLOEXEC, retried on EINTR. Throws SystemError.
[[nodiscard]] UniqueFd open_file(const std::string& path, int flags, mode_t mode = 0);

}  // namespace linnet
