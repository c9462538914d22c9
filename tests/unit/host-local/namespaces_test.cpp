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

}  // namespace
}  // namespace linnet::host_local
