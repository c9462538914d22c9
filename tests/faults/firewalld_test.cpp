// firewall with its back end firewalld, and every message to it that goes wrong. Dying between two of them, and a
// system call that fails, are those of the other tests in this folder.
#include "base/text.h"
#include "tests/faults/attachment_world.h"

namespace linnet::test {
namespace {

using cni::Json;

struct FirewalldCase {
  std::string name;
  MessageFault fault;
};

void PrintTo(const FirewalldCase& firewalld_case, std::ostream* out) {
  *out << firewalld_case.name;
}

class FaultyFirewalld : public AttachmentWorld, public testing::WithParamInterface<FirewalldCase> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      prepare(network_case("firewalld"));
    }
  }

  // Calls `round` without a fault, and then for each message that disturbed() saw.
  void at_every_message(const std::function<void()>& round) {
    round();
    const std::size_t messages = seen_;
    ASSERT_GE(messages, 4U) << "greeting, name, and a call an address";
    for (nth_ = 1; nth_ <= messages && !HasFailure(); ++nth_) {
      SCOPED_TRACE(concat("message ", nth_));
      round();
      EXPECT_GE(seen_, nth_);
    }
    EXPECT_EQ(difference(world, world_before_), "");
  }
  // Everything works again behind it.
  void disturbed(const std::function<void()>& action) {
    firewalld().disturb(nth_, GetParam().fault);
    action();
    seen_ = firewalld().messages();
    firewalld().disturb(0, MessageFault::kNone);
  }

  // The plugin may say no only if something was wrong, and always with an error object.
  void expect_answer(const TracedRun& run) const {
    EXPECT_FALSE(run.hung);
    if (run.output.exit_code == 0) {
      return;
    }
    EXPECT_NE(nth_, 0U);
    EXPECT_NE(GetParam().fault, MessageFault::kSlow) << run.output.standard_output;
    EXPECT_EQ(run.output.exit_code, 1);
    EXPECT_GT(run.output.json().value("code", 0), 0) << run.output.standard_output;
  }

  std::size_t nth_ = 0;  // message that is disturbed; 0: none
  std::size_t seen_ = 0;
};

TEST_P(FaultyFirewalld, InAddIsToldAndNothingIsLeftOrTheContainerIsInItsZone) {
  at_every_message([&] {
    ListRun run;
    disturbed([&] { run = add_list(0, nothing); });
    expect_answer(run.traced);
    if (run.failed) {
      EXPECT_EQ(whole_difference(), "") << "left by the ADD that failed";
      del_list();
    } else {
      // CHECK is what tells of a reload.
      const bool forgotten = nth_ != 0 && GetParam().fault == MessageFault::kReloaded;
      const std::string problem = check_list(run.results.back());
      EXPECT_TRUE(problem.empty() || forgotten) << problem;
      del_list(run.results.back());
    }
    EXPECT_EQ(whole_difference(), "") << "left by DEL\n" << run.traced.output.standard_output;
  });
}

TEST_P(FaultyFirewalld, InDelIsToldOrDoesNotMatterAndTheNextDelRemovesAll) {
  at_every_message([&] {
    static_cast<void>(add_list());
    TracedRun run;
    disturbed([&] { run = del_list({}, 0, nothing); });
    expect_answer(run);
    if (run.output.exit_code == 0) {
      EXPECT_EQ(whole_difference(), "") << "left by a DEL that told of success";
    }
    del_list();
    EXPECT_EQ(whole_difference(), "") << "left by the second DEL\n" << run.output.standard_output;
  });
}

TEST_P(FaultyFirewalld, InGcIsToldOrDoesNotMatterAndTheNextGcRemovesAll) {
  collect();
  take_snapshots();
  at_every_message([&] {
    static_cast<void>(add_list());
    TracedRun run;
    disturbed([&] { run = collect(0, nothing); });
    expect_answer(run);
    if (run.output.exit_code == 0) {
      EXPECT_EQ(whole_difference(), "") << "left by a GC that told of success";
    }
    collect();
    EXPECT_EQ(whole_difference(), "") << "left by the second GC\n" << run.output.standard_output;
  });
}

std::string case_name(const testing::TestParamInfo<FirewalldCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Message, FaultyFirewalld,
                         testing::Values(FirewalldCase{"Refused", MessageFault::kRefused},
                                         FirewalldCase{"Lost", MessageFault::kLost},
                                         FirewalldCase{"Unanswered", MessageFault::kUnanswered},
                                         FirewalldCase{"HungUp", MessageFault::kHungUp},
                                         FirewalldCase{"AnswerHungUp", MessageFault::kAnswerHungUp},
                                         FirewalldCase{"Slow", MessageFault::kSlow},
                                         FirewalldCase{"Reloaded", MessageFault::kReloaded},
                                         FirewalldCase{"FirewalldGone",
                                                       MessageFault::kFirewalldGone},
                                         FirewalldCase{"BusGone", MessageFault::kBusGone}),
                         case_name);

}  // namespace
}  // namespace linnet::test
