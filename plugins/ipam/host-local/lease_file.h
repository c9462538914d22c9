// One lease on disk: a file named after the address whose content is its owner, the format of the
// reference plugin (reference.md 3.11), and the mark that only this plugin adds.
// docs/host-local-store.md.
#pragma once

#include <compare>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace linnet::host_local {

// A file's time as the kernel keeps it.
struct Timestamp {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  Timestamp() = default;
  explicit Timestamp(const timespec& time) : seconds(time.tv_sec), nanoseconds(time.tv_nsec) {}
  [[nodiscard]] timespec as_timespec() const;
  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

// Who holds a lease. Leases of plugins before 0.7 name only the container id.
struct Owner {
  std::string container_id;
  std::string ifname;
  // A lease's whole content: the trimmed id, CR LF, the ifname.
  [[nodiscard]] std::string text() const;
  // The content of a lease written before 0.7.
  [[nodiscard]] std::string legacy_text() const;
};

// The owner whose text() that is; absent for text without an ifname.
[[nodiscard]] std::optional<Owner> parse_owner(std::string_view text);

// The extended attribute "user.linnet" of a lease: when and for whom it was made.
struct LeaseMark {
  std::string boot_id;            // empty: not known
  std::uint64_t netns_inode = 0;  // 0: not known
  friend bool operator==(const LeaseMark&, const LeaseMark&) = default;
};

// What is found at an address's name.
struct LeaseFile {
  // The content without white space at its ends. Empty for a file that holds nothing else.
  std::string owner;
  // Not a regular file, unreadable, or larger than any lease: the address is taken, by nobody
  // known.
  bool foreign = false;
  bool unreadable = false;  // foreign because of an error, so that it may be anybody's
  std::optional<LeaseMark> mark;
  std::uint64_t inode = 0;
  Timestamp changed;  // ctime

  [[nodiscard]] bool is_free() const { return owner.empty() && !foreign; }
};

// Reads `name` in `directory`. Nothing in the folder is trusted: links are not followed, a FIFO
// does not block, at most 64 KiB are read. Absent when there is no such file.
[[nodiscard]] std::optional<LeaseFile> find_lease_file(int directory, const std::string& name);

enum class OnExisting { kKeep, kReplace };

struct WrittenLease {
  bool created = false;  // false: the name exists and was kept
  bool marked = false;   // the file system took the attribute
};

// Makes `name` with that content and mode 0600, complete from the moment it is visible: an unnamed
// or temporary file, then link(2), or rename(2) to replace what is there. Throws SystemError and
// leaves nothing behind.
[[nodiscard]] WrittenLease write_lease_file(int directory, const std::string& name,
                                            std::string_view content, const LeaseMark& mark,
                                            OnExisting on_existing);

// Replaces the mark of a lease, where the file system has such attributes and the file exists.
void update_mark(int directory, const std::string& name, const LeaseMark& mark);

// As write_file_atomically of base, relative to `directory`, mode 0600. Only under the store's
// lock.
void replace_file(int directory, const std::string& name, std::string_view content);

// The name that a temporary file has while it is written. Whatever has it before is a leftover.
inline constexpr const char* kTemporaryName = ".linnet-new";

}  // namespace linnet::host_local
