#include "base/transaction.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace linnet {
namespace {

TEST(Transaction, UndoesNewestFirstWhenLeftWithoutCommit) {
  std::vector<int> undone;
  {
    Transaction transaction;
    transaction.undo_with("one", [&] { undone.push_back(1); });
    transaction.undo_with("two", [&] { undone.push_back(2); });
  }
  EXPECT_EQ(undone, (std::vector{2, 1}));
}

TEST(Transaction, CommitUndoesNothing) {
  bool undone = false;
  {
    Transaction transaction;
    transaction.undo_with("one", [&] { undone = true; });
    transaction.commit();
  }
  EXPECT_FALSE(undone);
}

TEST(Transaction, FailingStepIsLoggedAndTheOthersRunAndTheFirstErrorSurvives) {
  bool undone = false;
  testing::internal::CaptureStderr();
  try {
    Transaction transaction;
    transaction.undo_with("remove veth a", [&] { undone = true; });
    transaction.undo_with("remove veth b", [] { throw std::runtime_error("busy"); });
    transaction.undo_with("remove veth c", [] { throw 1; });
    throw std::runtime_error("first");
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(undone);
  EXPECT_NE(log.find("roll back: remove veth b: busy"), std::string::npos) << log;
  EXPECT_NE(log.find("roll back: remove veth c: unknown error"), std::string::npos) << log;
}

}  // namespace
}  // namespace linnet
