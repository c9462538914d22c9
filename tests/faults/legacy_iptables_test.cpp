// firewall where the legacy iptables drops: its tool goes wrong at each of its executions, in every way, or the plugin
// dies while the tool works. System calls of the plugin itself are those of the other tests in this folder.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
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
#include "tests/faults/faulty_iptables.h"

namespace linnet::test {
namespace {

using cni::Json;

// Every fault at every execution, instead of some in turn.
bool every_error() { return std::getenv("LINNET_EVERY_ERROR") != nullptr; }
// Every death at every moment of every execution.
bool every_call() { return std::getenv("LINNET_EVERY_CALL") != nullptr; }

const NetworkCase& legacy_case() {
  return *std::ranges::find(network_cases(), "firewall_legacy", &NetworkCase::name);
}

bool is_poll(const SystemCall& call) { return call.number == SYS_poll || call.number == SYS_ppoll; }

bool makes_a_process(const SystemCall& call) {
  return call.number == SYS_vfork || call.number == SYS_clone || call.number == SYS_clone3;
}

Interference nothing(const SystemCall& /*call*/) { return {}; }

struct NamedFault {
  const char* name;
  ToolFault fault;
};

const std::vector<NamedFault> kFaults = {{"exit status 1", ToolFault::kExit1},
                                         {"exit status 2", ToolFault::kExit2},
                                         {"exit status 4", ToolFault::kExit4},
                                         {"done, exit status 1", ToolFault::kDoneExit1},
                                         {"killed", ToolFault::kKilled},
                                         {"done, killed", ToolFault::kDoneKilled},
                                         {"endless", ToolFault::kEndless},
                                         {"done, endless", ToolFault::kDoneEndless},
                                         {"endless without output", ToolFault::kSilentEndless},
                                         {"nonsense", ToolFault::kNonsense},
                                         {"silent", ToolFault::kSilent},
                                         {"cut", ToolFault::kCut},
                                         {"huge", ToolFault::kHuge},
                                         {"huge error", ToolFault::kHugeError},
                                         {"locked", ToolFault::kLocked},
                                         {"locked a while", ToolFault::kLockedAWhile},
                                         {"gone", ToolFault::kGone}};

class FaultyTool : public AttachmentWorld {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      tool_ = std::make_unique<FaultyIptables>();
      prepare(legacy_case());
    }
    if (!IsSkipped()) {
      const ListRun run = add_list();
      results_ = run.results;
      added_ = snapshot();
      del_list();
    }
  }
  void TearDown() override {
    tool_.reset();
    HostTest::TearDown();
  }

  // Calls `round` without a fault, and then with each at the executions that disturbed() saw: at one only, or at all
  // from one on.
  void at_every_execution(const std::function<void()>& round) {
    round();
    const std::size_t executions = seen_;
    ASSERT_GE(executions, 2U) << "a listing a family";
    std::size_t rounds = 0;
    for (std::size_t i = 0; i < kFaults.size() && !HasFailure(); ++i) {
      fault_ = kFaults[i].fault;
      // An execution meets a fifth of the faults, and a fault a fifth of the executions. The tool waits for a lock
      // for a second.
      const std::size_t share = every_error() ? 1 : fault_ == ToolFault::kLocked ? 10 : 5;
      for (nth_ = 1; nth_ <= executions && !HasFailure(); ++nth_) {
        for (const std::size_t turn : {0U, 1U}) {
          if ((nth_ + i + turn) % share == 0) {
            for_ever_ = turn == 1;
            SCOPED_TRACE(
                concat(kFaults[i].name, for_ever_ ? " from execution " : " at execution ", nth_));
            round();
            EXPECT_GE(seen_, nth_);
            ++rounds;
          }
        }
      }
    }
    RecordProperty("faults", static_cast<int>(rounds));
    EXPECT_EQ(difference(world, world_before_), "");
  }
  // Everything works again behind it.
  void disturbed(const std::function<void()>& action) {
    if (for_ever_) {
      tool_->disturb_from(nth_, fault_);
    } else {
      tool_->disturb(nth_, fault_);
    }
    action();
    seen_ = tool_->executions();
    tool_->disturb(0, ToolFault::kNone);
    for_ever_ = false;
  }
  // A plugin that waits for a tool without end need not wait as long as it would.
  [[nodiscard]] Decide decision() const {
    return [this, executions = std::size_t{0}](const SystemCall& call) mutable -> Interference {
      executions += makes_a_process(call) ? 1 : 0;
      const bool endless = fault_ == ToolFault::kEndless || fault_ == ToolFault::kDoneEndless ||
                           fault_ == ToolFault::kSilentEndless;
      const bool now = nth_ != 0 && (for_ever_ ? executions >= nth_ : executions == nth_);
      return endless && now && is_poll(call) ? Interference{Interference::Kind::kHurry}
                                             : Interference{};
    };
  }

  // The plugin may say no only if something was wrong, and always with an error object that names the tool.
  void expect_answer(const TracedRun& run) const {
    EXPECT_FALSE(run.hung);
    if (run.output.exit_code == 0) {
      return;
    }
    EXPECT_NE(nth_, 0U);
    EXPECT_NE(fault_, ToolFault::kLockedAWhile) << run.output.standard_output;
    EXPECT_EQ(run.output.exit_code, 1) << run.output.standard_error;
    const Json error = run.output.json();
    ASSERT_TRUE(error.is_object()) << run.output.standard_output;
    EXPECT_GT(error.value("code", 0), 0);
    EXPECT_NE(error.value("msg", "").find("tables-legacy"), std::string::npos) << error.dump();
    EXPECT_LT(run.output.standard_output.size(), 5000U);
  }
  // Nobody can know of rules that only the tool shows.
  [[nodiscard]] bool nobody_knows() const { return fault_ == ToolFault::kGone; }

  std::unique_ptr<FaultyIptables> tool_;
  std::vector<Json> results_;  // of an undisturbed ADD
  std::string added_;          // snapshot() behind it
  ToolFault fault_ = ToolFault::kNone;
  std::size_t nth_ = 0;    // execution that is disturbed; 0: none
  bool for_ever_ = false;  // and all behind it
  std::size_t seen_ = 0;
};

TEST_F(FaultyTool, InAddIsToldAndNothingIsLeftOrTheResultIsRight) {
  at_every_execution([&] {
    const bool can_undo = !for_ever_ && !nobody_knows();
    ListRun run;
    disturbed([&] { run = add_list(0, decision()); });
    expect_answer(run.traced);
    if (!run.failed) {
      EXPECT_EQ(run.results, results_);
      if (!nobody_knows()) {
        EXPECT_EQ(difference(snapshot, added_), "");
        EXPECT_EQ(check_list(run.results.back()), "");
      }
    } else if (can_undo) {
      EXPECT_EQ(whole_difference(), "") << "left by the ADD that failed";
    }
    del_list(run.failed ? Json() : run.results.back());
    EXPECT_EQ(whole_difference(), "") << "left by DEL\n" << run.traced.output.standard_output;
  });
}

TEST_F(FaultyTool, InDelIsToldOrDoesNotMatterAndTheNextDelRemovesAll) {
  at_every_execution([&] {
    static_cast<void>(add_list());
    TracedRun run;
    disturbed([&] { run = del_list({}, 0, decision()); });
    expect_answer(run);
    if (run.output.exit_code == 0 && !nobody_knows()) {
      EXPECT_EQ(whole_difference(), "") << "left by a DEL that told of success";
    }
    del_list();
    EXPECT_EQ(whole_difference(), "") << "left by the second DEL\n" << run.output.standard_output;
  });
}

TEST_F(FaultyTool, InGcIsToldOrDoesNotMatterAndTheNextGcRemovesAll) {
  collect();
  take_snapshots();
  at_every_execution([&] {
    static_cast<void>(add_list());
    TracedRun run;
    disturbed([&] { run = collect(0, decision()); });
    expect_answer(run);
    if (run.output.exit_code == 0 && !nobody_knows()) {
      EXPECT_EQ(whole_difference(), "") << "left by a GC that told of success";
    }
    collect();
    EXPECT_EQ(whole_difference(), "") << "left by the second GC\n" << run.output.standard_output;
  });
}

TEST_F(FaultyTool, InCheckIsToldOrDoesNotMatterAndChangesNothing) {
  const ListRun added = add_list();
  world_before_ = world();
  Json conf = network_.list[0];
  conf["prevResult"] = added.results.back();
  at_every_execution([&] {
    TracedRun run;
    disturbed([&] { run = execute(program("CHECK", conf), decision()); });
    expect_answer(run);
    EXPECT_EQ(difference(snapshot, added_), "");
  });
}

TEST_F(FaultyTool, OfIpv4InTheUndoOfAddLeavesNothingOfIpv6) {
  // ADD lists twice a family and adds two rules each; then its undo lists those of IPv4.
  tool_->disturb(8, 9, ToolFault::kExit1);
  const ListRun run = add_list(0, nothing);
  tool_->disturb(0, ToolFault::kNone);
  EXPECT_TRUE(run.failed);
  const std::string state = snapshot();
  EXPECT_NE(state.find("-d 10.22.0.7/32"), std::string::npos);
  EXPECT_EQ(state.find("-d fd22::7/128"), std::string::npos);
  del_list();
  EXPECT_EQ(whole_difference(), "");
}

const std::string kLegacyVariant =
    faulty_iptables::kRealFolder + std::string("xtables-legacy-multi");
const std::string kNftablesVariant =
    faulty_iptables::kRealFolder + std::string("xtables-nft-multi");

class MissingTool : public FaultyTool {
 protected:
  void expect_warning_and_rules(bool of_ipv4) {
    const ListRun run = add_list(0, nothing);
    EXPECT_FALSE(run.failed) << run.traced.output.standard_output;
    EXPECT_NE(run.traced.output.standard_error.find("ip6tables-legacy"), std::string::npos)
        << run.traced.output.standard_error;
    const std::string state = snapshot();
    EXPECT_EQ(state.find("-s 10.22.0.7/32") != std::string::npos, of_ipv4);
    EXPECT_EQ(state.find("-s fd22::7/128"), std::string::npos);
    EXPECT_EQ(check_list(run.results.back()), "");
    del_list();
    EXPECT_EQ(whole_difference(), "");
  }
};

TEST_F(MissingTool, IsAWarning) {
  FaultyIptables::remove_tools();
  expect_warning_and_rules(false);
}

TEST_F(MissingTool, OfIpv6LeavesTheRulesOfIpv4) {
  FaultyIptables::remove_tools_of_ipv6();
  expect_warning_and_rules(true);
}

TEST_F(MissingTool, HasNoSubstituteInTheVariantForNftables) {
  FaultyIptables::name_plainly(kNftablesVariant, {"iptables", "ip6tables"});
  expect_warning_and_rules(false);
}

TEST_F(MissingTool, OfTheLongNameIsTheOneOfThePlainName) {
  FaultyIptables::name_plainly(kLegacyVariant, {"iptables"});
  expect_warning_and_rules(true);
}

TEST_F(MissingTool, OfTheLongNameIsNotWhatCannotSayItsVariant) {
  FaultyIptables::name_plainly("/usr/bin/false", {"iptables"});
  const ListRun run = add_list(0, nothing);
  EXPECT_TRUE(run.failed);
  EXPECT_NE(run.traced.output.standard_output.find("/usr/sbin/iptables -V"), std::string::npos)
      << run.traced.output.standard_output;
  tool_->disturb(0, ToolFault::kNone);
  del_list();
  EXPECT_EQ(whole_difference(), "");
}

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
      prepare(legacy_case());
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
      prepare(legacy_case());
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
