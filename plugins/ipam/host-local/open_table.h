// A hash table of fixed-size entries in memory that somebody else may have damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

namespace linnet::host_local {

// The index does not hold what it should: it is to be made anew.
class CorruptIndex : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the index is damaged"; }
};

// Open addressing with linear probing over a power of two of slots. An empty slot is all zero;
// every other carries a checksum, so that a damaged slot is an exception and never a wrong answer.
//
// `Entry` has: hash() of its key, checksum() of all its fields but `check`, the field `check`, and
// comparison with ==. `Touch` is told of every slot that is written.
template <typename Entry, typename Touch>
class OpenTable {
 public:
  OpenTable(std::span<Entry> slots, Touch touch) : slots_(slots), touch_(touch) {}

  // Calls `visit` for each entry whose probe sequence starts where `hash` does, until it says true;
  // the entry it said so for, else null. The caller compares keys.
  template <typename Visit>
  [[nodiscard]] Entry* find(std::uint64_t hash, Visit&& visit) const {
    for (std::size_t i = 0, at = home(hash); i < slots_.size(); ++i, at = next(at)) {
      if (is_empty(at)) {
        return nullptr;
      }
      if (visit(slots_[at])) {
        return &slots_[at];
      }
    }
    throw CorruptIndex();
  }

  // A new entry; the caller has made sure that there is room.
  void insert(Entry entry) {
    std::size_t at = home(entry.hash());
    for (std::size_t i = 0; i < slots_.size(); ++i, at = next(at)) {
      if (is_empty(at)) {
        store(at, entry);
        return;
      }
    }
    throw CorruptIndex();
  }

  // Puts the changed content of a slot that find() returned in place.
  void update(Entry* slot, const Entry& entry) {
    store(static_cast<std::size_t>(slot - slots_.data()), entry);
  }

  // Takes an entry out and moves those behind it up, so that no probe sequence is cut.
  void erase(const Entry* slot) {
    auto hole = static_cast<std::size_t>(slot - slots_.data());
    std::size_t at = next(hole);
    for (std::size_t i = 1; i < slots_.size() && !is_empty(at); ++i, at = next(at)) {
      if (distance(home(slots_[at].hash()), at) >= distance(hole, at)) {
        store(hole, slots_[at]);
        hole = at;
      }
    }
    slots_[hole] = Entry{};
    touch_(&slots_[hole], sizeof(Entry));
  }

  // Calls `visit` for every entry.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t at = 0; at < slots_.size(); ++at) {
      if (!is_empty(at)) {
        visit(slots_[at]);
      }
    }
  }

 private:
  [[nodiscard]] std::size_t home(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  [[nodiscard]] std::size_t distance(std::size_t from, std::size_t to) const {
    return (to - from) & (slots_.size() - 1);
  }

  [[nodiscard]] bool is_empty(std::size_t at) const {
    const Entry& entry = slots_[at];
    if (entry == Entry{}) {
      return true;
    }
    if (entry.check != entry.checksum()) {
      throw CorruptIndex();
    }
    return false;
  }

  void store(std::size_t at, Entry entry) {
    entry.check = entry.checksum();
    slots_[at] = entry;
    touch_(&slots_[at], sizeof(Entry));
  }

  std::span<Entry> slots_;
  Touch touch_;
};

}  // namespace linnet::host_local
