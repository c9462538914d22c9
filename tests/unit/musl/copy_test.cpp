// The replacement of musl's memcpy(3) and memmove(3), under other names: every size up to some hundred bytes, those
// around the limit of its large copies, every alignment, every distance of an overlap that matters.
#ifdef __x86_64__

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#define memcpy linnet_memcpy
#define memmove linnet_memmove
#define restrict __restrict
extern "C" {
// NOLINTNEXTLINE(bugprone-suspicious-include): it is C, and built for another C library
#include "cmake/musl/copy.c"
}
#undef memcpy
#undef memmove
#undef restrict
#pragma GCC diagnostic pop

namespace {

std::vector<std::size_t> sizes() {
  std::vector<std::size_t> all(300);
  std::iota(all.begin(), all.end(), 0);
  all.insert(all.end(), {1000, 2047, 2048, 2049, 5000});
  return all;
}

std::vector<unsigned char> numbered(std::size_t size) {
  std::vector<unsigned char> bytes(size);
  // A period that no power of two divides: a part that is copied twice or shifted shows.
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<unsigned char>(i % 251);
  }
  return bytes;
}

TEST(Copy, ToAnotherPlaceWritesTheSizeAndNothingElse) {
  for (const std::size_t size : sizes()) {
    const std::vector<unsigned char> source = numbered(size + 16);
    for (std::size_t shift = 0; shift < 16; ++shift) {
      std::vector<unsigned char> target(size + 32, 0xee);
      std::vector<unsigned char> expected = target;
      std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(15 - shift), size,
                  expected.begin() + static_cast<std::ptrdiff_t>(shift));
      void* const to = target.data() + shift;
      ASSERT_EQ(linnet_memcpy(to, source.data() + 15 - shift, size), to);
      ASSERT_EQ(target, expected) << size << " bytes, shifted by " << shift;
    }
  }
}

TEST(Copy, OfOverlappingBytesReadsBeforeItWrites) {
  for (const std::size_t size : sizes()) {
    for (const std::size_t distance : {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 100, 2048}) {
      for (const bool upwards : {true, false}) {
        std::vector<unsigned char> bytes = numbered(size + distance);
        const std::vector<unsigned char> before = bytes;
        const std::size_t from = upwards ? 0 : distance;
        const std::size_t to = upwards ? distance : 0;
        std::vector<unsigned char> expected = before;
        std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(from), size,
                    expected.begin() + static_cast<std::ptrdiff_t>(to));
        ASSERT_EQ(linnet_memmove(bytes.data() + to, bytes.data() + from, size), bytes.data() + to);
        ASSERT_EQ(bytes, expected) << size << " bytes from " << from << " to " << to;
      }
    }
  }
}

}  // namespace

#endif
