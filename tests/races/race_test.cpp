// Many workers on few networks: each address has one owner, the kernel agrees with the store, GC removes no live
// attachment, every process ends, and nothing is left.
#include <gmock/gmock.h>

#include "tests/races/race_world.h"

namespace linnet::test {
namespace {

using testing::IsEmpty;

class Races : public RaceWorld {
 protected:
  void record() {
    for (const auto& [what, number] : counts_) {
      std::string key = what;
      std::ranges::replace(key, ' ', '_');
      RecordProperty(key, number);
    }
  }
};

TEST_F(Races, LoseNothingWithGcAsTheSpecificationAsksForIt) {
  race(GcOrder::kExclusive);
  record();
  EXPECT_THAT(violations_, IsEmpty());
  EXPECT_GT(counts_["removed by GC"], 0);
}

TEST_F(Races, LoseNothingWithGcAtAnyTime) {
  race(GcOrder::kBeside);
  record();
  EXPECT_THAT(violations_, IsEmpty());
  EXPECT_GT(counts_["left alone by GC"], 0);
}

}  // namespace
}  // namespace linnet::test
