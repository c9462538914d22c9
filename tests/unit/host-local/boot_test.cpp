// What a reboot leaves in the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

const cni::Json kIpam = {{"subnet", "10.1.0.0/24"}};

bool has_marks(const Network& network) {
  network.make_folder();
  return ::setxattr(network.folder().c_str(), "user.linnet-test", "x", 1, 0) == 0;
}

#define REQUIRE_MARKS(network)                                                        \
  if (!has_marks(network)) {                                                          \
    GTEST_SKIP() << "the file system of the temporary folder has no user attributes"; \
  }

TEST(Boot, FreesTheMarkedLeasesOfAnEarlierBoot) {
  const Network network;
  REQUIRE_MARKS(network);
  const Config config = network.parse(kIpam);
  (void)allocate(network, config, owner("a"));
  (void)allocate(network, config, owner("b"));
  (void)allocate(network, config, owner("c"), kNextBoot);
  EXPECT_THAT(network.leases(), ElementsAre(Pair("10.1.0.4", "c\r\neth0")));
}

TEST(Boot, NeedsNoIndexForMarkedLeases) {
  const Network network;
  REQUIRE_MARKS(network);
  (void)allocate(network, network.parse(kIpam), owner("a"));
  network.remove(kIndexName);
  (void)network.open(kNextBoot);
  EXPECT_THAT(network.leases(), IsEmpty());
}

TEST(Boot, FreesLeasesOfTheReferenceThatTheLastBootsIndexKnew) {
  const Network network;
  network.write("10.1.0.9", "reference\r\neth0");
  (void)network.open(kBoot);
  network.write("10.1.0.10", "later\r\neth0");
  (void)network.open(kNextBoot);
  EXPECT_THAT(network.leases(), ElementsAre(Pair("10.1.0.10", "later\r\neth0")));
}

TEST(Boot, SparesALeaseOfTheReferenceMadeAgainSinceUnderTheSameName) {
  const Network network;
  network.write("10.1.0.9", "reference\r\neth0");
  (void)network.open(kBoot);
  network.write("10.1.0.9", "reference\r\neth0");
  (void)network.open(kNextBoot);
  EXPECT_THAT(network.leases(), SizeIs(1));
}

TEST(Boot, SparesUnmarkedLeasesWhenTheIndexIsLost) {
  const Network network;
  network.write("10.1.0.9", "reference\r\neth0");
  (void)network.open(kBoot);
  network.remove(kIndexName);
  (void)network.open(kNextBoot);
  EXPECT_THAT(network.leases(), SizeIs(1));
}

TEST(Boot, FreesNothingWhenTheBootIsNotKnown) {
  const Network network;
  network.write("10.1.0.9", "reference\r\neth0");
  (void)allocate(network, network.parse(kIpam), owner("a"));
  (void)network.open("");
  (void)network.open("");
  EXPECT_THAT(network.leases(), SizeIs(2));
  (void)network.open(kBoot);
  EXPECT_THAT(network.leases(), SizeIs(2));
}

TEST(Boot, FreesNothingWhileItLasts) {
  const Network network;
  const Config config = network.parse(kIpam);
  for (const char* id : {"a", "b", "c"}) {
    (void)allocate(network, config, owner(id));
    network.write("10.1.0.200", "foreign\r\neth0");
  }
  EXPECT_THAT(network.leases(), SizeIs(4));
}

TEST(Boot, RunningNowHasAnId) { EXPECT_THAT(current_boot_id(), SizeIs(36)); }

}  // namespace
}  // namespace linnet::host_local::test
