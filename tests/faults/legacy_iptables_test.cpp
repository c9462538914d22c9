// firewall where the legacy iptables drops: its tool goes wrong at each of its executions, in every way. System calls
// of the plugin itself are those of the other tests in this folder.
#include <sys/syscall.h>

#include <cstdlib>

#include "base/text.h"
#include "tests/faults/attachment_world.h"
#include "tests/faults/faulty_iptables.h"

namespace linnet::test {
namespace {

using cni::Json;

// Every fault at every execution, instead of some in turn.
bool every_error() { return std::getenv("LINNET_EVERY_ERROR") != nullptr; }

bool is_poll(const SystemCall& call) { return call.number == SYS_poll || call.number == SYS_ppoll; }

bool makes_a_process(const SystemCall& call) {
  return call.number == SYS_vfork || call.number == SYS_clone || call.number == SYS_clone3;
}

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
      prepare(network_case("firewall_legacy"));
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

}  // namespace
}  // namespace linnet::test
