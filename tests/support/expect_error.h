// Expectations about the protocol's errors.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "libcni/error.h"

namespace linnet::test {

// `step` throws an Error of that code, and `text` is in its message or details.
template <typename Step>
void expect_error(cni::Code code, const std::string& text, Step&& step) {
  try {
    step();
    ADD_FAILURE() << "nothing was thrown, expected: " << text;
  } catch (const cni::Error& error) {
    EXPECT_EQ(error.code(), static_cast<int>(code)) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(text));
  }
}

}  // namespace linnet::test
