// A plugin that is killed at any point leaves nothing that one DEL, or one GC, does not remove.
#include <cstdlib>

#include "base/text.h"
#include "tests/faults/attachment_world.h"
#include "tests/faults/system_calls.h"

namespace linnet::test {
namespace {

using cni::Json;

// Every call instead of those behind one that changes something.
bool every_call() { return std::getenv("LINNET_EVERY_CALL") != nullptr; }

class KilledPlugin : public AttachmentWorld, public testing::WithParamInterface<NetworkCase> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      prepare(GetParam());
    }
  }

  // Calls `round` with a decision that kills plugin `traced` at one system call after another. It returns false
  // when the plugin came to its end.
  template <typename Round>
  void at_every_call(const Round& round) {
    for (std::size_t traced = 0; traced < network_.list.size(); ++traced) {
      std::size_t rounds = 0;
      for (std::size_t from = 1; from != 0;) {
        from = kill_once(traced, from, round);
        ++rounds;
        if (HasFatalFailure() || HasNonfatalFailure()) {
          return;
        }
      }
      // The last round came to the end.
      RecordProperty(network_.list[traced]["type"].get<std::string>(),
                     static_cast<int>(rounds) - 1);
    }
    EXPECT_EQ(difference(world, world_before_), "");
  }

 private:
  // At the first call from number `from` on that stands behind one with an effect. The number behind it, 0
  // when there was none.
  template <typename Round>
  std::size_t kill_once(std::size_t traced, std::size_t from, const Round& round) {
    SystemCall before;
    SystemCall last;
    bool killed = false;
    const Decide decide = [&](const SystemCall& call) -> Interference {
      EXPECT_TRUE(name_of(call)) << "system_calls.cpp does not know " << describe(call);
      const bool wanted =
          call.nth >= from && (every_call() || call.nth == 1 || changes_the_world(last));
      before = last;
      last = call;
      killed = killed || wanted;
      return wanted ? Interference{Interference::Kind::kKill} : Interference{};
    };
    SCOPED_TRACE(concat(network_.list[traced]["type"].get<std::string>(), " from call ", from));
    const std::string left = round(traced, decide);
    EXPECT_EQ(left, "") << "left after a kill before " << describe(last) << ", behind "
                        << describe(before);
    return killed ? last.nth + 1 : 0;
  }
};

TEST_P(KilledPlugin, InAddLeavesNothingBehindOneDel) {
  at_every_call([&](std::size_t traced, const Decide& decide) {
    static_cast<void>(add_list(traced, decide));
    del_list();
    return whole_difference();
  });
}

TEST_P(KilledPlugin, InDelLeavesNothingBehindAnotherDel) {
  at_every_call([&](std::size_t traced, const Decide& decide) {
    const ListRun added = add_list();
    del_list(added.results.back(), traced, decide);
    del_list(added.results.back());
    return whole_difference();
  });
}

class KilledPluginAndGc : public KilledPlugin {
 protected:
  // Without what the attachments of a network share, which GC removes when none is left.
  void SetUp() override {
    KilledPlugin::SetUp();
    if (!IsSkipped()) {
      collect();
      take_snapshots();
    }
  }

  // What a container's end takes with it, and then nothing is left anywhere.
  std::string after_the_end_of_the_container() {
    if (!network_.end_of_container.empty()) {
      // Not there before the device was moved.
      static_cast<void>(run_program(network_.end_of_container));
    }
    collect();
    std::string left = difference(host_snapshot, host_before_);
    return clear_container() ? left + whole_difference() : left;
  }
};

TEST_P(KilledPluginAndGc, InAddLeavesNothingBehindOneGc) {
  at_every_call([&](std::size_t traced, const Decide& decide) {
    static_cast<void>(add_list(traced, decide));
    return after_the_end_of_the_container();
  });
}

TEST_P(KilledPluginAndGc, InGcLeavesNothingBehindAnotherGc) {
  at_every_call([&](std::size_t traced, const Decide& decide) {
    static_cast<void>(add_list());
    collect(traced, decide);
    return after_the_end_of_the_container();
  });
}

std::vector<NetworkCase> collecting_cases() {
  std::vector<NetworkCase> cases = network_cases();
  std::erase_if(cases, [](const NetworkCase& network) { return !network.collects; });
  return cases;
}

std::string case_name(const testing::TestParamInfo<NetworkCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Network, KilledPlugin, testing::ValuesIn(network_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Network, KilledPluginAndGc, testing::ValuesIn(collecting_cases()),
                         case_name);

}  // namespace
}  // namespace linnet::test
