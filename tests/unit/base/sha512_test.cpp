#include "base/sha512.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(Sha512, GivesTheDigestOfTheStandardsExample) {
  EXPECT_EQ(sha512_hex("abc", 128),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Sha512, GivesThePrefixesThatTheReferencePluginsUse) {
  EXPECT_EQ(sha512_hex("unit-test", 16), "6fd94d501e58f0aa");
  EXPECT_EQ(sha512_hex("eth0:one", 16), "287fc69eff0574a2");
  EXPECT_EQ(sha512_hex("eth0:two", 16), "d750b2c8f0f25d5f");
}

}  // namespace
}  // namespace linnet
