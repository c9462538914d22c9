// The memory of a plugin that runs for a millisecond: blocks are cut from one static room and, when they are given
// back, kept by their size for the next one of that size. What does not fit comes from the C library, so that a
// large input is limited by it and not by this.
//
// Why: musl's malloc(3) asks the kernel for the pages of each size by itself and gives them back with the last
// block, which is some sixty system calls in an ADD; the pages of this room are touched only as far as it is used.
// Where the C library is another one, operator new alone takes from here. Not thread-safe: plugins have no threads.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef LINNET_MUSL
// What malloc(3), free(3) and realloc(3) of musl are themselves made of.
extern "C" void* __libc_malloc(std::size_t);
extern "C" void __libc_free(void*);
extern "C" void* __libc_realloc(void*, std::size_t);
#endif

namespace {

constexpr std::size_t kRoom = std::size_t{512} << 10U;
constexpr std::size_t kUnit = alignof(std::max_align_t);
// A single larger block would leave no room for the many small ones.
constexpr std::size_t kLargest = std::size_t{96} << 10U;
// Up to this size blocks are kept when they are given back.
constexpr std::size_t kLargestKept = 4096;

// In front of each block.
struct alignas(kUnit) Header {
  std::size_t size;  // of the block, a multiple of kUnit
};

struct Kept {
  Kept* next;
};

alignas(kUnit) unsigned char room[kRoom];
std::size_t used = 0;
std::array<Kept*, kLargestKept / kUnit + 1> kept{};

constexpr std::size_t rounded(std::size_t size) {
  return size == 0 ? kUnit : (size + kUnit - 1) / kUnit * kUnit;
}

bool is_inside(const void* block) {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const auto start = reinterpret_cast<std::uintptr_t>(room);
  return address >= start && address < start + kRoom;
}

Header& header_of(void* block) { return static_cast<Header*>(block)[-1]; }

bool is_newest(void* block) {
  return static_cast<unsigned char*>(block) + header_of(block).size == room + used;
}

// Null when the block has to come from elsewhere.
void* take(std::size_t size) {
  if (size > kLargest) {
    return nullptr;
  }
  const std::size_t wanted = rounded(size);
  if (wanted <= kLargestKept && kept[wanted / kUnit] != nullptr) {
    Kept* const block = kept[wanted / kUnit];
    kept[wanted / kUnit] = block->next;
    return block;
  }
  if (sizeof(Header) + wanted > kRoom - used) {
    return nullptr;
  }
  auto* const header = new (room + used) Header{wanted};
  used += sizeof(Header) + wanted;
  return header + 1;
}

void give_back(void* block) {
  const std::size_t size = header_of(block).size;
  if (is_newest(block)) {
    used -= sizeof(Header) + size;
  } else if (size <= kLargestKept) {
    kept[size / kUnit] = new (block) Kept{kept[size / kUnit]};
  }
}

#ifdef LINNET_MUSL
void* take_elsewhere(std::size_t size) { return __libc_malloc(size); }
void give_back_elsewhere(void* block) { __libc_free(block); }
#else
void* take_elsewhere(std::size_t size) { return std::malloc(size); }
void give_back_elsewhere(void* block) { std::free(block); }
#endif

}  // namespace

#ifdef LINNET_MUSL
extern "C" {

// What libnl and libnftnl allocate as well. The kept address makes the linker keep them in a link-time optimisation.
[[gnu::used]] void* malloc(std::size_t size) {
  void* const block = take(size);
  return block != nullptr ? block : take_elsewhere(size);
}

[[gnu::used]] void free(void* block) {
  is_inside(block) ? give_back(block) : give_back_elsewhere(block);
}

[[gnu::used]] void* calloc(std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    return nullptr;
  }
  void* block = take(bytes);
  block = block != nullptr ? block : take_elsewhere(bytes);
  return block == nullptr ? nullptr : std::memset(block, 0, bytes);
}

[[gnu::used]] void* realloc(void* block, std::size_t size) {
  if (block == nullptr) {
    void* const fresh = take(size);
    return fresh != nullptr ? fresh : take_elsewhere(size);
  }
  if (!is_inside(block)) {
    return __libc_realloc(block, size);
  }
  Header& header = header_of(block);
  if (size <= header.size) {
    return block;
  }
  const std::size_t more = rounded(size) - header.size;
  if (is_newest(block) && size <= kLargest && more <= kRoom - used) {
    header.size += more;
    used += more;
    return block;
  }
  void* moved = take(size);
  moved = moved != nullptr ? moved : take_elsewhere(size);
  if (moved != nullptr) {
    std::memcpy(moved, block, header.size);
    give_back(block);
  }
  return moved;
}

}  // extern "C"
#endif

void* operator new(std::size_t size) {
  if (void* const block = take(size)) {
    return block;
  }
  for (;;) {
    if (void* const block = take_elsewhere(size == 0 ? 1 : size)) {
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
  is_inside(block) ? give_back(block) : give_back_elsewhere(block);
}

void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }
