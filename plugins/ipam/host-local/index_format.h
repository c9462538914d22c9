// What the index looks like on disk, in this machine's byte order: a header in a page of its own,
// the slots of the leases, the slots of the address blocks. docs/host-local-store.md.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "plugins/ipam/host-local/index.h"

namespace linnet::host_local {

// The first byte is no text, so that no reader takes the file for a lease.
inline constexpr std::array<char, 8> kMagic = {'\x89', 'L', 'N', 'I', 'N', 'D', 'E', 'X'};
// Also tells byte orders apart.
inline constexpr std::uint32_t kFormat = 1;
inline constexpr std::size_t kHeaderSpace = 4096;
inline constexpr std::uint32_t kMinSlots = 128;
inline constexpr std::uint32_t kMaxSlots = 1U << 26U;
inline constexpr unsigned kBlockBits = 6;

inline std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33U;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33U;
  value *= 0xc4ceb9fe1a85ec53ULL;
  value ^= value >> 33U;
  return value;
}

// FNV-1a, then mixed: its low bits alone are poor.
inline std::uint64_t hash_bytes(const void* data, std::size_t size) {
  const auto* const bytes = static_cast<const unsigned char*>(data);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (std::size_t i = 0; i < size; ++i) {
    hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
  }
  return mix(hash);
}

inline std::uint64_t high_half(Number number) { return static_cast<std::uint64_t>(number >> 64U); }
inline std::uint64_t low_half(Number number) { return static_cast<std::uint64_t>(number); }

inline Number join_halves(std::uint64_t high, std::uint64_t low) {
  return Number{high} << 64U | low;
}

struct IndexHeader {
  std::array<char, 8> magic = {};
  std::uint32_t format = 0;
  std::uint32_t lease_slots = 0;
  std::uint32_t block_slots = 0;
  std::uint32_t lease_count = 0;
  std::uint32_t block_count = 0;
  std::uint32_t reserved = 0;
  std::array<char, 48> boot_id = {};
  std::int64_t stamp_seconds = 0;
  std::int64_t stamp_nanoseconds = 0;
  std::uint64_t check = 0;

  [[nodiscard]] std::uint64_t checksum() const {
    return hash_bytes(this, offsetof(IndexHeader, check));
  }
};

struct LeaseSlot {
  std::uint64_t owner = 0;
  std::uint64_t address_high = 0;
  std::uint64_t address_low = 0;
  std::uint64_t netns_inode = 0;
  std::uint64_t file_inode = 0;
  std::int64_t changed_seconds = 0;
  std::int64_t changed_nanoseconds = 0;
  std::uint64_t check = 0;

  LeaseSlot() = default;
  explicit LeaseSlot(const IndexedLease& lease)
      : owner(lease.owner_hash),
        address_high(high_half(lease.address)),
        address_low(low_half(lease.address)),
        netns_inode(lease.netns_inode),
        file_inode(lease.file_inode),
        changed_seconds(lease.file_changed.seconds),
        changed_nanoseconds(lease.file_changed.nanoseconds) {}

  [[nodiscard]] std::uint64_t hash() const { return owner; }
  [[nodiscard]] std::uint64_t checksum() const {
    return hash_bytes(this, offsetof(LeaseSlot, check));
  }
  [[nodiscard]] IndexedLease lease() const {
    IndexedLease lease;
    lease.address = join_halves(address_high, address_low);
    lease.owner_hash = owner;
    lease.netns_inode = netns_inode;
    lease.file_inode = file_inode;
    lease.file_changed.seconds = changed_seconds;
    lease.file_changed.nanoseconds = changed_nanoseconds;
    return lease;
  }
  [[nodiscard]] bool is_of(const IndexedLease& lease) const {
    return owner == lease.owner_hash && join_halves(address_high, address_low) == lease.address;
  }
  friend bool operator==(const LeaseSlot&, const LeaseSlot&) = default;
};

struct BlockSlot {
  std::uint64_t block_high = 0;
  std::uint64_t block_low = 0;
  std::uint64_t taken = 0;  // bit i: address block * 64 + i
  std::uint64_t check = 0;

  [[nodiscard]] Number block() const { return join_halves(block_high, block_low); }
  [[nodiscard]] std::uint64_t hash() const { return hash_of(block()); }
  [[nodiscard]] std::uint64_t checksum() const {
    return hash_bytes(this, offsetof(BlockSlot, check));
  }
  [[nodiscard]] static std::uint64_t hash_of(Number block) {
    return mix(low_half(block) ^ std::rotl(mix(high_half(block)), 32));
  }
  friend bool operator==(const BlockSlot&, const BlockSlot&) = default;
};

// Where the two tables stand in the file.
struct IndexLayout {
  std::uint32_t lease_slots = kMinSlots;
  std::uint32_t block_slots = kMinSlots;

  [[nodiscard]] static std::uint32_t slots_for(std::size_t entries) {
    if (entries > kMaxSlots / 4) {
      throw SystemError(EFBIG, "index the leases");
    }
    return std::max(kMinSlots, std::bit_ceil(static_cast<std::uint32_t>(entries) * 3));
  }
  [[nodiscard]] bool is_valid() const {
    return std::has_single_bit(lease_slots) && std::has_single_bit(block_slots) &&
           lease_slots <= kMaxSlots && block_slots <= kMaxSlots;
  }
  [[nodiscard]] std::size_t blocks_at() const {
    return kHeaderSpace + lease_slots * sizeof(LeaseSlot);
  }
  [[nodiscard]] std::size_t size() const { return blocks_at() + block_slots * sizeof(BlockSlot); }
};

}  // namespace linnet::host_local
