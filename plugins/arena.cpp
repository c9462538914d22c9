// The memory of a plugin that runs for a millisecond: operator new hands out one static block from its
// beginning, and takes back only what was handed out last. What does not fit comes from malloc(3), so
// that a large input is limited by it and not by this.
//
// Why: each malloc(3) that asks the kernel for pages, and each free(3) that gives them back, costs more than
// all of the block's book-keeping, and the pages of the block are touched only as far as it is used.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t kRoom = std::size_t{512} << 10U;
constexpr std::size_t kAlignment = alignof(std::max_align_t);
// Of a single block: larger ones would leave no room for the many small ones.
constexpr std::size_t kLargest = std::size_t{96} << 10U;

alignas(kAlignment) unsigned char room[kRoom];
std::size_t used = 0;
std::size_t last = 0;  // where the newest block begins

constexpr std::size_t rounded(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

bool is_inside(const void* block) {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const auto start = reinterpret_cast<std::uintptr_t>(room);
  return address >= start && address < start + kRoom;
}

}  // namespace

void* operator new(std::size_t size) {
  if (size <= kLargest && rounded(size) + kAlignment <= kRoom - used) {
    last = used;
    used += size == 0 ? kAlignment : rounded(size);
    return room + last;
  }
  for (;;) {
    if (void* const block = std::malloc(size == 0 ? 1 : size)) {
      return block;
    }
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) {
      throw std::bad_alloc();
    }
    handler();
  }
}

void operator delete(void* block) noexcept {
  if (!is_inside(block)) {
    std::free(block);
  } else if (block == room + last) {
    used = last;
  }
}

void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }
