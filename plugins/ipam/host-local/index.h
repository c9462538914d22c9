// The index of a network's folder: a cache that makes every verb independent of the number of
// leases. The folder is the truth; whatever is wrong with the index, it is thrown away.
// docs/host-local-store.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/ipam/host-local/lease_file.h"
#include "plugins/ipam/host-local/open_table.h"
#include "plugins/ipam/host-local/range.h"

namespace linnet::host_local {

// Begins with a dot, is no address, and its content is nobody's owner: the reference reads and
// ignores it.
inline constexpr const char* kIndexName = ".linnet-index";

[[nodiscard]] std::uint64_t owner_hash(std::string_view owner);

// A lease as the index knows it. The owner's text is in the lease's file.
struct IndexedLease {
  Number address = 0;
  std::uint64_t owner_hash = 0;
  std::uint64_t netns_inode = 0;  // 0: not known
  // Only of leases without a mark, by which they are recognised after a reboot; else 0.
  std::uint64_t file_inode = 0;
  Timestamp file_changed;
  friend bool operator==(const IndexedLease&, const IndexedLease&) = default;
};

struct IndexHeader;
struct IndexLayout;
struct LeaseSlot;
struct BlockSlot;

// Two hash tables behind a header: leases by owner, and a bitmap of taken addresses in blocks
// of 64. Works on private memory; save() brings it to disk. Members that read or change the tables
// throw CorruptIndex; the index must then not be used any more.
class Index {
 public:
  // An empty one, with room for `leases` before it grows.
  Index(std::string_view boot_id, std::size_t leases);
  // The one in `directory`, of whatever boot; absent when there is none, or when its header or size
  // is not as it should be. Only under the store's lock, so that nobody truncates the mapped file.
  // Throws SystemError where a shortage keeps it from being read.
  [[nodiscard]] static std::optional<Index> open(int directory);

  Index(Index&& other) noexcept;
  Index& operator=(Index&& other) noexcept;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  ~Index();

  [[nodiscard]] std::string_view boot_id() const;
  // The folder's mtime for which this index is right.
  [[nodiscard]] Timestamp stamp() const;

  [[nodiscard]] bool is_taken(Number address) const;
  [[nodiscard]] std::optional<Number> first_free(Interval interval) const;
  [[nodiscard]] std::uint64_t count_taken(Interval interval) const;
  [[nodiscard]] std::vector<IndexedLease> leases_of(std::uint64_t owner) const;
  void for_each(const std::function<void(const IndexedLease&)>& visit) const;

  // A lease of a known owner; its address is taken by it.
  void add(const IndexedLease& lease);
  // Marks an address that is taken by nobody known.
  void occupy(Number address);
  void remove(const IndexedLease& lease);
  void set_netns(const IndexedLease& lease, std::uint64_t inode);

  // Writes what changed (all of it for a new or grown index) with that stamp. Throws SystemError.
  void save(int directory, const Timestamp& stamp);

 private:
  using Dirty = std::vector<std::pair<std::size_t, std::size_t>>;  // offset, size

  struct Touch {
    Dirty* dirty;
    const std::byte* base;
    void operator()(const void* at, std::size_t size) const;
  };

  Index() = default;
  void create(const IndexLayout& layout, std::string_view boot_id);
  [[nodiscard]] IndexHeader& header() const;
  [[nodiscard]] OpenTable<LeaseSlot, Touch> leases() const;
  [[nodiscard]] OpenTable<BlockSlot, Touch> blocks() const;
  [[nodiscard]] BlockSlot* find_block(Number block) const;
  [[nodiscard]] LeaseSlot* find_lease(const IndexedLease& lease) const;
  [[nodiscard]] std::uint64_t block_bits(Number block) const;
  void set_block_bit(Number address);
  void clear_block_bit(Number address);
  void grow();
  void unmap();

  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  UniqueFd file_;  // none: not on disk in this form
  std::unique_ptr<Dirty> dirty_ = std::make_unique<Dirty>();
};

}  // namespace linnet::host_local
