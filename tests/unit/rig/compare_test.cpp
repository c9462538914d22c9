#include "rig/compare.h"

#include <gmock/gmock.h>

#include "tests/unit/rig/known_run.h"

namespace linnet::rig {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(Compare, TellsTheCaseFromTheMachine) {
  // Everything takes twice as long, the bridge no more than the host.
  const RunReport before = known_run(20, 25);
  const Comparison same = compare(before, known_run(40, 50));
  ASSERT_EQ(same.changes.size(), 2U);
  EXPECT_FALSE(same.changes[0].speed.has_value());
  EXPECT_DOUBLE_EQ(same.changes[1].rate_after, 20000);
  EXPECT_DOUBLE_EQ(same.changes[1].speed->value, 1);
  EXPECT_THAT(as_table(same), HasSubstr("no difference"));

  const Comparison slower = compare(before, known_run(20, 50));
  EXPECT_DOUBLE_EQ(slower.changes[1].speed->value, 0.5);
  EXPECT_EQ(to_json(slower)["changes"][1]["speed"]["verdict"], "slower");
}

TEST(Compare, NotesWhatIsNotComparable) {
  const RunReport before = known_run(20, 25);
  RunReport after = known_run(20, 25);
  after.machine["kernel"] = "Linux 2 x";
  after.cases[1].topology = "ptp";
  const Comparison comparison = compare(before, after);
  EXPECT_EQ(comparison.changes.size(), 1U);
  EXPECT_THAT(comparison.notes, Contains(HasSubstr("another kernel")));
  EXPECT_THAT(comparison.notes, Contains("bridge, container to outside: only before"));
  EXPECT_THAT(comparison.notes, Contains("ptp, container to outside: only after"));
}

TEST(BootstrapQuotient, HoldsTheQuotientOfWhatWasDrawn) {
  const Rounds two = {{2, 2.1, 1.9, 2}, {2, 2.05, 1.95, 2}};
  const Rounds one = {{1, 1.1, 0.9, 1}, {1, 1.05, 0.95, 1}};
  const Estimate quotient = bootstrap_quotient(two, one, 1);
  EXPECT_DOUBLE_EQ(quotient.value, 2);
  EXPECT_TRUE(quotient.interval.covers(2));
  EXPECT_FALSE(quotient.interval.covers(1));
}

}  // namespace
}  // namespace linnet::rig
