// Many processes on one store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>

#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

// Runs `work(n)` in `count` processes at once; how many of them ended well.
template <typename Work>
int in_processes(int count, Work&& work) {
  std::vector<pid_t> children;
  for (int n = 0; n < count; ++n) {
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 1;
      try {
        code = work(n) ? 0 : 1;
      } catch (const std::exception&) {
        code = 2;
      }
      ::_exit(code);
    }
    children.push_back(child);
  }
  int good = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    good += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  return good;
}

TEST(Concurrency, SixteenProcessesNeverShareAnAddress) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/23"}});
  const int good = in_processes(16, [&](int n) {
    for (int i = 0; i < 25; ++i) {
      (void)allocate(network, config, owner("p" + std::to_string(n) + "-" + std::to_string(i)));
    }
    return true;
  });
  EXPECT_EQ(good, 16);
  std::set<std::string> owners;
  for (const auto& [address, content] : network.leases()) {
    owners.insert(content);
  }
  EXPECT_EQ(network.leases().size(), 400U);
  EXPECT_EQ(owners.size(), 400U);
}

TEST(Concurrency, ProcessesThatAddAndDeleteLeaveNothing) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/26"}});
  const int good = in_processes(16, [&](int n) {
    std::mt19937 random(static_cast<unsigned>(n));
    for (int i = 0; i < 40; ++i) {
      const Owner who = owner("p" + std::to_string(n) + "-" + std::to_string(random() % 3));
      const std::vector<std::string> first = allocate(network, config, who);
      if (network.read(first.at(0)) != who.text() || allocate(network, config, who) != first ||
          release(network, who) != 1) {
        return false;
      }
    }
    return true;
  });
  EXPECT_EQ(good, 16);
  EXPECT_THAT(network.leases(), ::testing::IsEmpty());
}

TEST(Concurrency, AKilledProcessNeverLeavesATornLease) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/16"}});
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0;; ++i) {
        (void)allocate(network, config,
                       owner("r" + std::to_string(round) + "-" + std::to_string(i)));
      }
    }
    ::usleep(static_cast<useconds_t>(5000 + round * 700));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    (void)allocate(network, config, owner("after" + std::to_string(round)));
    for (const auto& [address, content] : network.leases()) {
      ASSERT_TRUE(content.ends_with("\r\neth0")) << address;
    }
    ASSERT_FALSE(network.read("last_reserved_ip.0").empty());
  }
}

}  // namespace
}  // namespace linnet::host_local::test
