// The store of one network: a folder with a lock, a file per lease and the last address handed out,
// in the reference's format (reference.md 3.11, docs/host-local-store.md). The reference plugin and
// this one work on one folder in turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/unique_fd.h"
#include "plugins/ipam/host-local/folder.h"
#include "plugins/ipam/host-local/index.h"
#include "plugins/ipam/host-local/lease_file.h"
#include "plugins/ipam/host-local/range.h"

namespace linnet::host_local {

// The kernel's id of the running boot; empty where there is no /proc. Throws SystemError.
[[nodiscard]] std::string current_boot_id();

// Locked from open to destruction, so that one verb is one step for everybody else. Every member
// may throw SystemError.
//
// When a lease of an earlier boot is met while the folder is read, it is removed: a lease marked
// with another boot id than `boot_id`, and one without a mark that the previous boot's index knew
// (same inode, same ctime). With an empty `boot_id` nothing is.
class Store {
 public:
  // Makes the folder (0755) and the lock file if they are missing, waits for the lock.
  [[nodiscard]] static Store open(const StoreLocation& location, const std::string& boot_id);
  // Absent when there is no folder, which is left so.
  [[nodiscard]] static std::optional<Store> open_existing(const StoreLocation& location,
                                                          const std::string& boot_id);

  Store(Store&&) = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store& operator=(Store&&) = delete;
  // Brings the index to disk; a failure of that costs the next verb time and is only logged.
  ~Store();

  // The leases that name this owner in full; if there are none, those that name its container id
  // alone (written before plugins 0.7).
  [[nodiscard]] std::vector<IndexedLease> leases_of(const Owner& owner);

  [[nodiscard]] bool is_taken(Number address);
  // The first address of the interval without a lease.
  [[nodiscard]] std::optional<Number> first_free(Interval interval);
  [[nodiscard]] std::uint64_t count_taken(Interval interval);

  // False when somebody else has the address. An empty lease file is nobody's.
  [[nodiscard]] bool reserve(Number address, const Owner& owner, std::uint64_t netns_inode);
  // Makes an existing lease of the owner (found by leases_of) one of this boot and namespace, and
  // gives one that names only the container id its full content.
  void renew(const IndexedLease& lease, const Owner& owner, std::uint64_t netns_inode);
  // Frees a lease; one that is gone already is fine.
  void release(const IndexedLease& lease);

  // The leases whose namespace was recorded and is not among `alive` (ascending).
  [[nodiscard]] std::vector<IndexedLease> leases_outside(const std::vector<std::uint64_t>& alive);

  // The leases whose content is not in `owners`. Reads the folder anew, so that GC also heals an index.
  [[nodiscard]] std::vector<IndexedLease> leases_except(const std::vector<std::string>& owners);
  // Behind leases_except(): the names of leases that an error kept from being read. They may be anybody's.
  [[nodiscard]] const std::vector<std::string>& unreadable() const { return unreadable_; }
  // Whose lease it is, as its file says; absent when that is gone or names no interface (before plugins 0.7). Throws
  // when it cannot be read.
  [[nodiscard]] std::optional<Owner> owner_of(const IndexedLease& lease) const;

  // "last_reserved_ip.<set>": where round robin goes on. Absent when missing or unreadable.
  [[nodiscard]] std::optional<IpAddress> last_reserved(std::size_t set);
  void set_last_reserved(std::size_t set, const IpAddress& address);

 private:
  // "last_reserved_ip.<set>", held open from reading to writing.
  struct Cursor {
    std::size_t set = 0;
    std::string text;
    UniqueFd file;
  };

  Store(LockedFolder folder, const std::string& boot_id);
  // Reads the folder into a new index; returns how many addresses are taken by files that name no
  // owner.
  std::size_t rebuild();
  [[nodiscard]] std::optional<Index> previous_boot_index() const;
  [[nodiscard]] bool is_of_earlier_boot(Number address, const LeaseFile& file,
                                        const std::optional<Index>& previous) const;
  [[nodiscard]] IndexedLease describe(Number address, const LeaseFile& file) const;
  [[nodiscard]] std::optional<IndexedLease> remembered(Number address, const LeaseFile& file) const;
  [[nodiscard]] std::optional<LeaseFile> find_unmarked_lease(Number address) const;
  [[nodiscard]] IndexedLease written_lease(Number address, const Owner& owner,
                                           const LeaseMark& mark,
                                           const WrittenLease& written) const;
  [[nodiscard]] std::vector<IndexedLease> leases_with(std::string_view owner);
  void open_cursor(std::size_t set);
  void save_index();

  template <typename Query>
  auto query(Query&& ask);
  template <typename Change>
  void change(Change&& apply);

  LockedFolder folder_;
  std::string boot_id_;
  std::optional<Index> index_;
  std::optional<Cursor> cursor_;
  std::vector<std::string> unreadable_;
  bool changed_ = false;
};

}  // namespace linnet::host_local
