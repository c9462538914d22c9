// The folder of one network's store, and its lock.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "plugins/ipam/host-local/lease_file.h"
#include "plugins/ipam/host-local/range.h"

namespace linnet::host_local {

inline constexpr std::string_view kDefaultDataDir = "/var/lib/cni/networks";

struct StoreLocation {
  std::string data_dir = std::string(kDefaultDataDir);
  std::string network;
  [[nodiscard]] std::string folder() const;
};

// An address's lease is named after it in canonical text, as everybody who reserves it does.
[[nodiscard]] std::string lease_name(Number address);

// Holds the lock of the reference (flock(2) on "lock") from the moment it exists. Members throw
// SystemError.
class LockedFolder {
 public:
  // Makes the folder (0755, with its parents) and the lock file (0750) where they are missing.
  [[nodiscard]] static LockedFolder ensure(const StoreLocation& location);
  // Absent when there is no such folder.
  [[nodiscard]] static std::optional<LockedFolder> find(const StoreLocation& location);

  [[nodiscard]] int fd() const { return directory_.get(); }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(directory_); }
  // The folder's mtime when it was locked.
  [[nodiscard]] const Timestamp& modified() const { return modified_; }
  void set_modified(const Timestamp& time) const;
  // The addresses that files are named after.
  [[nodiscard]] std::vector<Number> addresses() const;

 private:
  UniqueFd lock_;
  UniqueFd directory_;
  Timestamp modified_;
};

}  // namespace linnet::host_local
