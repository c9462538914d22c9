// cnitool with the reference's host-local, where it is installed: the store it leaves is the
// evidence.

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/unit/cnitool/cnitool_fixture.h"

namespace linnet::cnitool {
namespace {

constexpr const char* kReferenceFolder = "/usr/lib/cni";

TEST_F(CnitoolTest, ReferenceHostLocalAllocatesAndReleases) {
  if (::access("/usr/lib/cni/host-local", X_OK) != 0) {
    GTEST_SKIP() << "the reference's host-local is not in " << kReferenceFolder;
  }
  const std::string store = folder_.at("store");
  folder_.write("net.d/20.conflist",
                R"({"cniVersion":"1.0.0","name":"ref","plugins":[{"type":"host-local",
                   "ipam":{"type":"host-local","subnet":"10.9.0.0/24","dataDir":")" +
                    store + R"("}}]})");
  environment_["CNI_PATH"] = kReferenceFolder;
  const Ran add = run({"add", "ref", "/nonexistent/netns"});
  ASSERT_EQ(add.exit_code, 0) << add.err;
  EXPECT_THAT(add.out, testing::HasSubstr("10.9.0.2/24"));
  EXPECT_THAT(folder_.names("store/ref"), testing::Contains("10.9.0.2"));
  EXPECT_EQ(run({"check", "ref", "/nonexistent/netns"}).exit_code, 0);
  EXPECT_EQ(run({"validate", "ref"}).exit_code, 0);
  EXPECT_EQ(run({"del", "ref", "/nonexistent/netns"}).exit_code, 0);
  EXPECT_THAT(folder_.names("store/ref"), testing::Not(testing::Contains("10.9.0.2")));
}

}  // namespace
}  // namespace linnet::cnitool
