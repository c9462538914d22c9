#include "base/error_list.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/error.h"

namespace linnet {
namespace {

TEST(ErrorList, RunsEveryStepWhateverFailed) {
  ErrorList errors;
  int runs = 0;
  errors.attempt([&] { ++runs; });
  errors.attempt([&] {
    ++runs;
    throw std::runtime_error("one");
  });
  errors.attempt([&] { ++runs; });
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(errors.size(), 1U);
}

TEST(ErrorList, ThrowsNothingWhenNothingFailed) {
  ErrorList errors;
  errors.attempt([] {});
  EXPECT_TRUE(errors.empty());
  EXPECT_NO_THROW(errors.throw_if_any());
}

TEST(ErrorList, KeepsTheTypeOfASingleError) {
  ErrorList errors;
  errors.attempt([] { throw SystemError(ENOENT, "open x"); });
  EXPECT_THROW(errors.throw_if_any(), SystemError);
}

TEST(ErrorList, JoinsTheMessagesOfSeveralErrors) {
  ErrorList errors;
  errors.attempt([] { throw std::runtime_error("one"); });
  errors.attempt([] { throw 5; });
  errors.add(std::make_exception_ptr(std::runtime_error("three")));
  EXPECT_EQ(errors.text(), "one; unknown error; three");
  EXPECT_THROW(errors.throw_if_any(), std::runtime_error);
}

}  // namespace
}  // namespace linnet
