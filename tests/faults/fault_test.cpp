// One system call of a plugin fails: the plugin ends, says what is wrong, and leaves nothing.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "base/unique_fd.h"
#include "tests/faults/attachment_world.h"
#include "tests/faults/system_calls.h"

namespace linnet::test {
namespace {

using cni::Json;

// Every error of every call, instead of one after the other in turn.
bool every_error() { return std::getenv("LINNET_EVERY_ERROR") != nullptr; }

struct Fault {
  std::size_t traced = 0;  // plugin of the list
  SystemCall call;         // of that plugin
  int error = 0;
  std::string text;
};

bool is_error_object(const Json& json) {
  return json.is_object() && json.value("code", 0) > 0 && !json.value("msg", "").empty();
}

class FaultyCall : public AttachmentWorld, public testing::WithParamInterface<NetworkCase> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      prepare(GetParam());
    }
    if (!IsSkipped()) {
      expected_ = add_list().results;
      del_list(expected_.back());
    }
  }

  // The faults that a verb can meet, found out by running it once.
  using Verb = std::function<TracedRun(std::size_t traced, const Decide& decide)>;
  [[nodiscard]] std::vector<Fault> faults_of(std::size_t traced, const Verb& verb) const {
    const TracedRun run = verb(traced, nothing);
    std::vector<Fault> faults;
    for (const SystemCall& call : run.calls) {
      // An execution of a tool takes the same calls as the one before.
      if (network_.legacy_iptables && !every_error() && call.nth % 5 > 1) {
        continue;
      }
      const std::vector<int> errors = errors_of(call);
      for (std::size_t i = 0; i < errors.size(); ++i) {
        if (every_error() || i == call.nth % errors.size()) {
          faults.push_back({traced, call, errors[i],
                            concat(network_.list[traced]["type"].get<std::string>(), ": ",
                                   strerrorname_np(errors[i]), " at ", describe(call))});
        }
      }
    }
    return faults;
  }
  // The numbers shift when the kernel answers in more or fewer pieces: then it is the next call of that kind.
  [[nodiscard]] static Decide decision(const Fault& fault) {
    return [fault, done = false](const SystemCall& call) mutable -> Interference {
      if (done || call.nth < fault.call.nth || call.number != fault.call.number) {
        return {};
      }
      done = true;
      return {Interference::Kind::kFail, fault.error};
    };
  }
  static void expect_answer(const TracedRun& run) {
    EXPECT_FALSE(run.hung);
    if (run.output.exit_code != 0) {
      EXPECT_EQ(run.output.exit_code, 1) << run.output.standard_error;
      // Where stdout itself is what failed, stderr says so.
      const bool told = run.output.standard_error.find("the answer is lost") != std::string::npos ||
                        is_error_object(run.output.json());
      EXPECT_TRUE(told) << run.output.standard_output << run.output.standard_error;
    }
  }

  // tuning's DEL never fails: a backup that it cannot remove, and what it cannot restore of an interface of the
  // container, is a warning. The first goes at the next DEL, the second with the namespace.
  [[nodiscard]] bool never_fails_in_del() const { return network_.name == "tuning"; }
  [[nodiscard]] std::string left_by_del() const {
    return never_fails_in_del() ? difference(host_snapshot, host_before_) : whole_difference();
  }

  std::vector<Json> expected_;
};

TEST_P(FaultyCall, InAddIsToldAndNothingIsLeftOrTheResultIsRight) {
  for (std::size_t traced = 0; traced < network_.list.size(); ++traced) {
    const std::vector<Fault> faults =
        faults_of(traced, [&](std::size_t plugin, const Decide& decide) {
          const ListRun run = add_list(plugin, decide);
          del_list();
          return run.traced;
        });
    for (const Fault& fault : faults) {
      SCOPED_TRACE(fault.text);
      const ListRun run = add_list(traced, decision(fault));
      expect_answer(run.traced);
      if (!run.failed) {
        EXPECT_EQ(run.results, expected_);
        EXPECT_EQ(check_list(run.results.back()), "");
      } else if (traced == 0) {
        EXPECT_EQ(whole_difference(), "") << "left by the ADD that failed";
      }
      del_list(run.failed ? Json() : run.results.back());
      EXPECT_EQ(whole_difference(), "") << "left by DEL\n" << run.traced.output.standard_output;
      if (HasFailure()) {
        return;
      }
    }
    RecordProperty(network_.list[traced]["type"].get<std::string>(),
                   static_cast<int>(faults.size()));
  }
  EXPECT_EQ(difference(world, world_before_), "");
}

TEST_P(FaultyCall, InDelIsToldOrDoesNotMatterAndTheNextDelRemovesAll) {
  for (std::size_t traced = 0; traced < network_.list.size(); ++traced) {
    const std::vector<Fault> faults =
        faults_of(traced, [&](std::size_t plugin, const Decide& decide) {
          return del_list(add_list().results.back(), plugin, decide);
        });
    for (const Fault& fault : faults) {
      SCOPED_TRACE(fault.text);
      const Json result = add_list().results.back();
      const TracedRun run = del_list(result, traced, decision(fault));
      expect_answer(run);
      if (run.output.exit_code == 0 && !never_fails_in_del()) {
        EXPECT_EQ(left_by_del(), "") << "left by a DEL that told of success\n"
                                     << run.output.standard_error;
      }
      del_list(result);
      EXPECT_EQ(left_by_del(), "") << "left by the second DEL";
      if (HasFailure()) {
        return;
      }
    }
    RecordProperty(network_.list[traced]["type"].get<std::string>(),
                   static_cast<int>(faults.size()));
  }
  EXPECT_EQ(difference(world, world_before_), "");
}

class FaultyGc : public FaultyCall {
 protected:
  // Without what the attachments of a network share, which GC removes when none is left.
  void SetUp() override {
    FaultyCall::SetUp();
    if (!IsSkipped()) {
      collect();
      take_snapshots();
    }
  }
  // What GC leaves to the end of the container is nothing where the plugin makes the interface.
  [[nodiscard]] std::string left_by_gc() const {
    return network_.before.empty() ? whole_difference() : difference(host_snapshot, host_before_);
  }
};

TEST_P(FaultyGc, IsToldOrDoesNotMatterAndTheNextGcRemovesAll) {
  for (std::size_t traced = 0; traced < network_.list.size(); ++traced) {
    const std::vector<Fault> faults =
        faults_of(traced, [&](std::size_t plugin, const Decide& decide) {
          static_cast<void>(add_list());
          const TracedRun run = collect(plugin, decide);
          clear_container();
          return run;
        });
    for (const Fault& fault : faults) {
      SCOPED_TRACE(fault.text);
      static_cast<void>(add_list());
      const TracedRun run = collect(traced, decision(fault));
      expect_answer(run);
      if (run.output.exit_code == 0 && !never_fails_in_del()) {
        EXPECT_EQ(left_by_gc(), "") << "left by a GC that told of success\n"
                                    << run.output.standard_error;
      }
      collect();
      EXPECT_EQ(left_by_gc(), "") << "left by the second GC";
      clear_container();
      if (HasFailure()) {
        return;
      }
    }
    RecordProperty(network_.list[traced]["type"].get<std::string>(),
                   static_cast<int>(faults.size()));
  }
  EXPECT_EQ(difference(world, world_before_), "");
}

// A runtime that is gone, and disks that are full.
class DeafReader : public FaultyCall {
 protected:
  static UniqueFd pipe_without_reader() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::close(ends[0]);
    return UniqueFd(ends[1]);
  }
  void expect_told_and_cleared(int output) const {
    TracedProgram add = program("ADD", network_.list[0]);
    add.output = output;
    const TracedRun run = run_traced(add, nothing);
    EXPECT_EQ(run.output.exit_code, 1);
    EXPECT_NE(run.output.standard_error, "");
    EXPECT_EQ(whole_difference(), "") << "left by an ADD whose answer was lost";
    del_list();
    EXPECT_EQ(whole_difference(), "");
  }
};

TEST_P(DeafReader, OfAddIsNoticedAndNothingIsLeft) {
  expect_told_and_cleared(TracedProgram::kClosed);
  expect_told_and_cleared(pipe_without_reader().get());
  expect_told_and_cleared(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)).get());
}

std::vector<NetworkCase> cases_without_list_before() {
  std::vector<NetworkCase> cases = network_cases();
  std::erase_if(cases, [](const NetworkCase& network) {
    return network.name == "chain" || !network.before.empty();
  });
  return cases;
}

std::string case_name(const testing::TestParamInfo<NetworkCase>& info) { return info.param.name; }

// A list is no more than its plugins here: a fault in one of them leaves the others as they are.
std::vector<NetworkCase> cases_of_one_plugin() {
  std::vector<NetworkCase> cases = network_cases();
  std::erase_if(cases, [](const NetworkCase& network) { return network.list.size() > 1; });
  return cases;
}

std::vector<NetworkCase> collecting_cases_of_one_plugin() {
  std::vector<NetworkCase> cases = cases_of_one_plugin();
  std::erase_if(cases, [](const NetworkCase& network) { return !network.collects; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Network, FaultyCall, testing::ValuesIn(cases_of_one_plugin()), case_name);
INSTANTIATE_TEST_SUITE_P(Network, FaultyGc, testing::ValuesIn(collecting_cases_of_one_plugin()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Network, DeafReader, testing::ValuesIn(cases_without_list_before()),
                         case_name);

}  // namespace
}  // namespace linnet::test
