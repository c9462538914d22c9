// firewall where the legacy iptables drops: the plugin dies while the tool works.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "tests/faults/attachment_world.h"

namespace linnet::test {
namespace {

// Every death at every moment of every execution.
bool every_call() { return std::getenv("LINNET_EVERY_CALL") != nullptr; }

// A point in the life of a tool.
enum class Moment { kStarted, kBeforeChange, kBehindChange, kAtEnd };

// IPT_SO_SET_REPLACE and IP6T_SO_SET_REPLACE, which put a table in the place of another.
bool replaces_table(const SystemCall& call) {
  constexpr std::uint64_t kReplace = 64;
  return call.number == SYS_setsockopt && call.arguments[2] == kReplace &&
         (call.arguments[1] == IPPROTO_IP || call.arguments[1] == IPPROTO_IPV6);
}

class KilledBesideTool : public AttachmentWorld,
                         public testing::WithParamInterface<Interference::Kind> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      prepare(network_case("firewall_legacy"));
    }
  }

  // Calls `round`, and kills the plugin that `doomed` runs at one moment of one of its tools after another.
  void at_every_moment(const std::function<void()>& round) {
    std::size_t kills = 0;
    bool odd = GetParam() == Interference::Kind::kKill;
    for (const Moment moment :
         {Moment::kStarted, Moment::kBeforeChange, Moment::kBehindChange, Moment::kAtEnd}) {
      moment_ = moment;
      // The two fates share the tools, each the other half at the next moment, until there is no such tool any more.
      const std::size_t step = every_call() ? 1 : 2;
      nth_ = odd ? 1 : step;
      do {
        SCOPED_TRACE(concat("moment ", static_cast<int>(moment), " of tool ", nth_));
        round();
        EXPECT_EQ(whole_difference(), "");
        if (HasFailure()) {
          return;
        }
        kills += killed_ ? 1 : 0;
        nth_ += step;
      } while (seen_ + step >= nth_);
      odd = !odd;
    }
    EXPECT_GE(kills, 8U);
    RecordProperty("kills", static_cast<int>(kills));
    EXPECT_EQ(difference(world, world_before_), "");
  }
  void doomed(const std::function<void()>& action) {
    seen_ = 0;
    killed_ = false;
    decide_other_ = [this, tool = pid_t{0}, last = SystemCall{}](const SystemCall& call) mutable {
      const bool started = call.thread != tool;
      seen_ += started ? 1 : 0;
      tool = call.thread;
      const bool now = (moment_ == Moment::kStarted && started) ||
                       (moment_ == Moment::kBeforeChange && replaces_table(call)) ||
                       (moment_ == Moment::kBehindChange && !started && replaces_table(last)) ||
                       (moment_ == Moment::kAtEnd && call.number == SYS_exit_group);
      last = call;
      if (!now || seen_ != nth_) {
        return Interference{};
      }
      killed_ = true;
      return Interference{GetParam()};
    };
    action();
    decide_other_ = nullptr;
  }

 private:
  Moment moment_ = Moment::kStarted;
  std::size_t nth_ = 0;   // tool
  std::size_t seen_ = 0;  // tools that started
  bool killed_ = false;
};

TEST_P(KilledBesideTool, InAddLeavesNothingBehindOneDel) {
  at_every_moment([&] {
    doomed([&] { static_cast<void>(add_list(0, nothing)); });
    del_list();
  });
}

TEST_P(KilledBesideTool, InDelLeavesNothingBehindAnotherDel) {
  at_every_moment([&] {
    static_cast<void>(add_list());
    doomed([&] { del_list({}, 0, nothing); });
    del_list();
  });
}

TEST_P(KilledBesideTool, InAddLeavesNothingBehindOneGc) {
  collect();
  take_snapshots();
  at_every_moment([&] {
    doomed([&] { static_cast<void>(add_list(0, nothing)); });
    collect();
  });
}

TEST_P(KilledBesideTool, InGcLeavesNothingBehindAnotherGc) {
  collect();
  take_snapshots();
  at_every_moment([&] {
    static_cast<void>(add_list());
    doomed([&] { collect(0, nothing); });
    collect();
  });
}

std::string fate_name(const testing::TestParamInfo<Interference::Kind>& info) {
  return info.param == Interference::Kind::kKill ? "TheToolDiesWithIt" : "TheToolLivesOn";
}

INSTANTIATE_TEST_SUITE_P(And, KilledBesideTool,
                         testing::Values(Interference::Kind::kKill, Interference::Kind::kKillAlone),
                         fate_name);

// Tools that wait for the lock of xtables have it in the order in which they came.
class OutlivingTool : public AttachmentWorld {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      prepare(network_case("firewall_legacy"));
    }
  }

  // ADD dies while its tool number `nth` waits for the lock, then DEL begins, and waits as well.
  void kill_while_tool_waits(std::size_t nth) {
    UniqueFd lock = open_file("/run/xtables.lock", O_RDONLY);
    ProgramOutput del;
    std::thread next;
    std::thread release;
    decide_other_ = [&, tool = pid_t{0}, tools = std::size_t{0}](const SystemCall& call) mutable {
      tools += call.thread != tool ? 1 : 0;
      tool = call.thread;
      if (tools != nth || call.number != SYS_flock) {
        return Interference{};
      }
      EXPECT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
      const TracedProgram program = this->program("DEL", network_.list[0]);
      next = without_signals([&, program] {
        wait_for_waiters(lock.get(), 1);
        del = run_program(program.arguments, program.input, program.environment);
      });
      release = without_signals([&] {
        wait_for_waiters(lock.get(), 2);
        lock.reset();
      });
      return Interference{Interference::Kind::kKillAlone};
    };
    const ListRun run = add_list(0, nothing);
    decide_other_ = nullptr;
    ASSERT_TRUE(next.joinable()) << "no tool number " << nth;
    next.join();
    release.join();
    EXPECT_EQ(run.traced.output.exit_code, 128 + SIGKILL);
    EXPECT_FALSE(run.traced.hung);
    EXPECT_EQ(del.exit_code, 0) << del.standard_output;
    EXPECT_EQ(whole_difference(), "");
  }

 private:
  // The signals of run_traced() are the main thread's.
  static std::thread without_signals(std::function<void()> action) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread(std::move(action));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  }
  static void wait_for_waiters(int lock, std::size_t number) {
    struct stat status {};
    EXPECT_EQ(::fstat(lock, &status), 0);
    std::array<char, 64> file{};
    std::snprintf(file.data(), file.size(), " %02x:%02x:%lu ", major(status.st_dev),
                  minor(status.st_dev), status.st_ino);
    std::size_t found = 0;
    for (int i = 0; i < 1000 && found < number; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      found = 0;
      std::ifstream locks("/proc/locks");
      for (std::string line; std::getline(locks, line);) {
        found += line.find("-> FLOCK") != std::string::npos &&
                 line.find(file.data()) != std::string::npos;
      }
    }
    EXPECT_EQ(found, number) << "tools that wait for the lock of xtables";
  }
};

TEST_F(OutlivingTool, ComesBeforeTheNextVerb) {
  // ADD asks for both listings, then for that of IPv4 again, and adds two rules; then the same for IPv6.
  for (const std::size_t tool : {4U, 5U, 7U, 8U}) {
    kill_while_tool_waits(tool);
  }
}

}  // namespace
}  // namespace linnet::test
