#include "plugins/ipam/host-local/namespaces.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/unique_fd.h"

namespace linnet::host_local {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool can_scan() { return live_network_namespaces().has_value(); }

bool is_alive(std::uint64_t inode) {
  const auto alive = live_network_namespaces();
  return alive && std::ranges::binary_search(*alive, inode);
}

// A child in a network namespace of its own, until stop().
class Sandbox {
 public:
  Sandbox() {
    std::array<int, 2> up{};
    std::array<int, 2> down{};
    if (::pipe2(up.data(), O_CLOEXEC) != 0 || ::pipe2(down.data(), O_CLOEXEC) != 0) {
      return;
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(down[1]);
      const char made = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      char end = 0;
      if (::write(up[1], &made, 1) == 1) {
        (void)!::read(down[0], &end, 1);
      }
      ::_exit(0);
    }
    ::close(up[1]);
    ::close(down[0]);
    stop_.reset(down[1]);
    char made = 'n';
    made_ = ::read(up[0], &made, 1) == 1 && made == 'y';
    ::close(up[0]);
  }
  ~Sandbox() { stop(); }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  [[nodiscard]] bool made() const { return made_; }
  [[nodiscard]] std::string path() const { return "/proc/" + std::to_string(pid_) + "/ns/net"; }
  void stop() {
    if (pid_ > 0) {
      stop_.reset();
      ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }
  }

 private:
  pid_t pid_ = -1;
  bool made_ = false;
  UniqueFd stop_;
};

TEST(Namespaces, OfThisProcessIsAlive) {
  if (!can_scan()) {
    GTEST_SKIP() << "not in the initial pid namespace, or not allowed to see every process";
  }
  const std::uint64_t own = netns_inode("/proc/self/ns/net");
  EXPECT_NE(own, 0U);
  EXPECT_TRUE(is_alive(own));
}

TEST(Namespaces, IsAliveWhileAProcessOrADescriptorHoldsIt) {
  Sandbox sandbox;
  if (!can_scan() || !sandbox.made()) {
    GTEST_SKIP() << "needs root in the initial pid namespace";
  }
  const std::uint64_t inode = netns_inode(sandbox.path());
  EXPECT_TRUE(is_alive(inode));
  UniqueFd held(::open(sandbox.path().c_str(), O_RDONLY | O_CLOEXEC));
  sandbox.stop();
  EXPECT_TRUE(is_alive(inode));
  held.reset();
  EXPECT_FALSE(is_alive(inode));
}

TEST(Namespaces, OfAnOrdinaryFileOrNothingIsUnknown) {
  EXPECT_EQ(netns_inode("/etc/passwd"), 0U);
  EXPECT_EQ(netns_inode("/nonexistent"), 0U);
  EXPECT_EQ(netns_inode(""), 0U);
  EXPECT_EQ(netns_inode("/proc"), 0U);
}

TEST(Namespaces, OfMountsAreTheirNumbersAndPlaces) {
  const std::vector<MountedNamespace> mounted = mounted_namespaces(
      "36 35 0:4 net:[4026532281] /run/netns/a\\040b\\134 rw shared:1 - nsfs nsfs rw\n"
      "37 35 0:4 mnt:[4026532282] /run/mnt rw - nsfs nsfs rw\n"
      "38 35 8:1 /net:[7] /srv/net:[8] rw - ext4 /dev/sda1 rw\n"
      "39 35 0:4 net:[4026532283] /run/netns/last rw - nsfs nsfs rw");
  EXPECT_THAT(mounted, ElementsAre(MountedNamespace{4026532281, "/run/netns/a b\\"},
                                   MountedNamespace{4026532283, "/run/netns/last"}));
  EXPECT_THAT(mounted_namespaces("1 2 3 net:[5]"), ElementsAre(MountedNamespace{5, ""}));
  EXPECT_THAT(mounted_namespaces(""), IsEmpty());
}

TEST(Namespaces, AreOpenedWhileAProcessOrADescriptorHoldsThem) {
  Sandbox sandbox;
  if (!sandbox.made()) {
    GTEST_SKIP() << "needs root";
  }
  const std::uint64_t inode = netns_inode(sandbox.path());
  const auto number_of = [](const UniqueFd& fd) {
    return netns_inode("/proc/self/fd/" + std::to_string(fd.get()));
  };
  std::map<std::uint64_t, UniqueFd> open = open_namespaces({inode, 1});
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(number_of(open.at(inode)), inode);
  sandbox.stop();
  open = open_namespaces({inode});
  ASSERT_EQ(open.size(), 1U) << "our own descriptor holds it";
  EXPECT_EQ(number_of(open.at(inode)), inode);
  open.clear();
  EXPECT_THAT(open_namespaces({inode}), IsEmpty());
  EXPECT_THAT(open_namespaces({}), IsEmpty());
}

}  // namespace
}  // namespace linnet::host_local
