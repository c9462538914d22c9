// The seeds and what fuzzing has found go through every target without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

// Each target's function under its own name; see CMakeLists.txt.
#define LINNET_FUZZ_TARGET(name) \
  extern "C" int fuzz_##name(const unsigned char* data, std::size_t size);
#include "fuzz_targets.h"
#undef LINNET_FUZZ_TARGET

namespace {

struct Target {
  const char* name;
  int (*run)(const unsigned char*, std::size_t);
};

#define LINNET_FUZZ_TARGET(name) {#name, fuzz_##name},
constexpr Target kTargets[] = {
#include "fuzz_targets.h"
};

TEST(FuzzCorpus, PassesEveryTarget) {
  for (const Target& target : kTargets) {
    SCOPED_TRACE(target.name);
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(LINNET_SOURCE_DIR) / "tests/fuzz/corpus" / target.name)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      // And cut off at every place, as by a power cut or a reader that gave up.
      for (std::size_t size = 0; size <= text.size(); ++size) {
        target.run(reinterpret_cast<const unsigned char*>(text.data()), size);
      }
      ++files;
    }
    EXPECT_GT(files, 0);
  }
}

}  // namespace
