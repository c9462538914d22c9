#include "plugins/ipam/host-local/index.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "plugins/ipam/host-local/index_format.h"

namespace linnet::host_local {

std::uint64_t owner_hash(std::string_view owner) {
  // 0 is an empty slot's.
  return hash_bytes(owner.data(), owner.size()) | 1U << 31U;
}

void Index::Touch::operator()(const void* at, std::size_t size) const {
  dirty->emplace_back(static_cast<std::size_t>(static_cast<const std::byte*>(at) - base), size);
}

Index::Index(std::string_view boot_id, std::size_t leases) {
  IndexLayout layout;
  layout.lease_slots = IndexLayout::slots_for(leases);
  // Round robin leases neighbours: a sixteenth is room for blocks that are a third full.
  layout.block_slots = IndexLayout::slots_for(leases / 16);
  create(layout, boot_id);
}

void Index::create(const IndexLayout& layout, std::string_view boot_id) {
  void* const memory =
      ::mmap(nullptr, layout.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw SystemError(errno, "allocate the index");
  }
  memory_ = static_cast<std::byte*>(memory);
  size_ = layout.size();
  IndexHeader& head = header();
  head.magic = kMagic;
  head.format = kFormat;
  head.lease_slots = layout.lease_slots;
  head.block_slots = layout.block_slots;
  std::copy_n(boot_id.data(), std::min(boot_id.size(), head.boot_id.size()), head.boot_id.data());
}

std::optional<Index> Index::open(int directory) {
  Index index;
  index.file_ = UniqueFd(
      ::openat(directory, kIndexName, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  // Where leases have no mark it alone knows their namespaces: one that is there must not pass for lost.
  const auto absent_unless_short = [] {
    if (is_shortage(errno)) {
      throw SystemError(errno, concat("open ", kIndexName));
    }
    return std::optional<Index>();
  };
  struct stat status {};
  if (!index.file_ || ::fstat(index.file_.get(), &status) != 0) {
    return absent_unless_short();
  }
  if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(kHeaderSpace) ||
      status.st_size > static_cast<off_t>(IndexLayout{kMaxSlots, kMaxSlots}.size())) {
    return std::nullopt;
  }
  // Private: changes reach the file by pwrite(2), which reports a full disk where a shared mapping
  // would end the process with SIGBUS.
  void* const memory = ::mmap(nullptr, static_cast<std::size_t>(status.st_size),
                              PROT_READ | PROT_WRITE, MAP_PRIVATE, index.file_.get(), 0);
  if (memory == MAP_FAILED) {
    return absent_unless_short();
  }
  index.memory_ = static_cast<std::byte*>(memory);
  index.size_ = static_cast<std::size_t>(status.st_size);
  const IndexHeader& head = index.header();
  const IndexLayout layout{head.lease_slots, head.block_slots};
  if (head.magic != kMagic || head.format != kFormat || head.check != head.checksum() ||
      !layout.is_valid() || layout.size() != index.size_ ||
      head.lease_count > layout.lease_slots / 2 || head.block_count > layout.block_slots / 2) {
    return std::nullopt;
  }
  return index;
}

Index::Index(Index&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      file_(std::move(other.file_)),
      dirty_(std::move(other.dirty_)) {}

Index& Index::operator=(Index&& other) noexcept {
  if (this != &other) {
    unmap();
    memory_ = std::exchange(other.memory_, nullptr);
    size_ = std::exchange(other.size_, 0);
    file_ = std::move(other.file_);
    dirty_ = std::move(other.dirty_);
  }
  return *this;
}

Index::~Index() { unmap(); }

void Index::unmap() {
  if (memory_ != nullptr) {
    ::munmap(memory_, size_);
  }
}

IndexHeader& Index::header() const { return *reinterpret_cast<IndexHeader*>(memory_); }

OpenTable<LeaseSlot, Index::Touch> Index::leases() const {
  auto* const slots = reinterpret_cast<LeaseSlot*>(memory_ + kHeaderSpace);
  return {std::span(slots, header().lease_slots), Touch{dirty_.get(), memory_}};
}

OpenTable<BlockSlot, Index::Touch> Index::blocks() const {
  const IndexLayout layout{header().lease_slots, header().block_slots};
  auto* const slots = reinterpret_cast<BlockSlot*>(memory_ + layout.blocks_at());
  return {std::span(slots, layout.block_slots), Touch{dirty_.get(), memory_}};
}

std::string_view Index::boot_id() const {
  const std::array<char, 48>& id = header().boot_id;
  return {id.data(), static_cast<std::size_t>(std::ranges::find(id, '\0') - id.begin())};
}

Timestamp Index::stamp() const {
  Timestamp stamp;
  stamp.seconds = header().stamp_seconds;
  stamp.nanoseconds = header().stamp_nanoseconds;
  return stamp;
}

BlockSlot* Index::find_block(Number block) const {
  return blocks().find(BlockSlot::hash_of(block),
                       [&](const BlockSlot& slot) { return slot.block() == block; });
}

LeaseSlot* Index::find_lease(const IndexedLease& lease) const {
  return leases().find(lease.owner_hash, [&](const LeaseSlot& slot) { return slot.is_of(lease); });
}

std::uint64_t Index::block_bits(Number block) const {
  const BlockSlot* const slot = find_block(block);
  return slot == nullptr ? 0 : slot->taken;
}

bool Index::is_taken(Number address) const {
  return (block_bits(address >> kBlockBits) >> (address & 63U) & 1U) != 0;
}

std::optional<Number> Index::first_free(Interval interval) const {
  const Number last_block = interval.last >> kBlockBits;
  for (Number block = interval.first >> kBlockBits;; ++block) {
    std::uint64_t taken = block_bits(block);
    if (block == interval.first >> kBlockBits) {
      taken |= (std::uint64_t{1} << (interval.first & 63U)) - 1;
    }
    if (~taken != 0) {
      const Number address = block << kBlockBits | static_cast<unsigned>(std::countr_one(taken));
      return address <= interval.last ? std::optional(address) : std::nullopt;
    }
    if (block == last_block) {
      return std::nullopt;
    }
  }
}

std::uint64_t Index::count_taken(Interval interval) const {
  std::uint64_t count = 0;
  blocks().for_each([&](const BlockSlot& slot) {
    std::uint64_t taken = slot.taken;
    const Number first = slot.block() << kBlockBits;
    const Number last = first | 63U;
    if (last < interval.first || first > interval.last) {
      return;
    }
    if (first < interval.first) {
      taken &= ~std::uint64_t{0} << (interval.first & 63U);
    }
    if (last > interval.last) {
      taken &= ~std::uint64_t{0} >> (63U - (interval.last & 63U));
    }
    count += static_cast<unsigned>(std::popcount(taken));
  });
  return count;
}

std::vector<IndexedLease> Index::leases_of(std::uint64_t owner) const {
  std::vector<IndexedLease> found;
  (void)leases().find(owner, [&](const LeaseSlot& slot) {
    if (slot.owner == owner) {
      found.push_back(slot.lease());
    }
    return false;
  });
  return found;
}

void Index::for_each(const std::function<void(const IndexedLease&)>& visit) const {
  leases().for_each([&](const LeaseSlot& slot) { visit(slot.lease()); });
}

void Index::add(const IndexedLease& lease) {
  if ((header().lease_count + 1) * std::size_t{2} > header().lease_slots) {
    grow();
  }
  leases().insert(LeaseSlot(lease));
  ++header().lease_count;
  set_block_bit(lease.address);
}

void Index::occupy(Number address) { set_block_bit(address); }

void Index::remove(const IndexedLease& lease) {
  const LeaseSlot* const slot = find_lease(lease);
  if (slot != nullptr) {
    leases().erase(slot);
    --header().lease_count;
  }
  clear_block_bit(lease.address);
}

void Index::set_netns(const IndexedLease& lease, std::uint64_t inode) {
  LeaseSlot* const slot = find_lease(lease);
  if (slot != nullptr) {
    LeaseSlot changed = *slot;
    changed.netns_inode = inode;
    leases().update(slot, changed);
  }
}

void Index::set_block_bit(Number address) {
  const Number block = address >> kBlockBits;
  const std::uint64_t bit = std::uint64_t{1} << (address & 63U);
  BlockSlot* const slot = find_block(block);
  if (slot != nullptr) {
    BlockSlot changed = *slot;
    changed.taken |= bit;
    blocks().update(slot, changed);
    return;
  }
  if ((header().block_count + 1) * std::size_t{2} > header().block_slots) {
    grow();
  }
  BlockSlot fresh;
  fresh.block_high = high_half(block);
  fresh.block_low = low_half(block);
  fresh.taken = bit;
  blocks().insert(fresh);
  ++header().block_count;
}

void Index::clear_block_bit(Number address) {
  BlockSlot* const slot = find_block(address >> kBlockBits);
  if (slot == nullptr) {
    return;
  }
  BlockSlot changed = *slot;
  changed.taken &= ~(std::uint64_t{1} << (address & 63U));
  if (changed.taken == 0) {
    blocks().erase(slot);
    --header().block_count;
  } else {
    blocks().update(slot, changed);
  }
}

void Index::grow() {
  Index larger;
  IndexLayout layout;
  layout.lease_slots = std::max(header().lease_slots, IndexLayout::slots_for(header().lease_count));
  layout.block_slots = std::max(header().block_slots, IndexLayout::slots_for(header().block_count));
  larger.create(layout, boot_id());
  leases().for_each([&](const LeaseSlot& slot) { larger.leases().insert(slot); });
  blocks().for_each([&](const BlockSlot& slot) { larger.blocks().insert(slot); });
  larger.header().lease_count = header().lease_count;
  larger.header().block_count = header().block_count;
  *this = std::move(larger);
}

void Index::save(int directory, const Timestamp& stamp) {
  IndexHeader& head = header();
  head.stamp_seconds = stamp.seconds;
  head.stamp_nanoseconds = stamp.nanoseconds;
  head.check = head.checksum();
  if (!file_) {
    replace_file(directory, kIndexName, {reinterpret_cast<const char*>(memory_), size_});
    return;
  }
  dirty_->emplace_back(0, sizeof(IndexHeader));
  std::ranges::sort(*dirty_);
  dirty_->erase(std::unique(dirty_->begin(), dirty_->end()), dirty_->end());
  for (const auto& [offset, size] : *dirty_) {
    const ssize_t written =
        ::pwrite(file_.get(), memory_ + offset, size, static_cast<off_t>(offset));
    if (written != static_cast<ssize_t>(size)) {
      throw SystemError(written < 0 ? errno : ENOSPC, concat("write ", kIndexName));
    }
  }
  dirty_->clear();
}

}  // namespace linnet::host_local
