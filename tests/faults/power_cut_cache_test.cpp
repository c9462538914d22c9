// The power fails while a runtime writes or removes a cached result: whatever is left of its file, the runtime goes
// on, and the other attachment is as it was.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "tests/faults/disk_state.h"
#include "tests/faults/system_calls.h"
#include "tests/faults/tracer.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

const std::string kResults = "/var/lib/cni/results";

class PowerCutOfCache : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    std::filesystem::create_directory("/run/net.d");
    std::ofstream("/run/net.d/net1.conflist")
        << R"({"cniVersion": "1.1.0", "name": "net1", "plugins": [
      {"type": "bridge", "bridge": "br0",
       "ipam": {"type": "host-local", "subnet": "10.28.0.0/24", "dataDir": "/run/leases"}}]})";
    for (const char* name : {"c1", "c2"}) {
      make_container(name);
    }
    expect_success("add", "c1");
    expect_success("del", "c1");
    expect_success("add", "c2");
    alone_ = world();
    cached_alone_ = read_folder(kResults);
  }

  [[nodiscard]] std::vector<std::string> command(const std::string& verb,
                                                 const std::string& container) const {
    std::vector<std::string> words = {concat(plugin_path_, "/cnitool"), "--conf-dir=/run/net.d",
                                      concat("--plugin-path=", plugin_path_),
                                      concat("--container-id=", container), verb};
    if (verb == "list") {
      return words;
    }
    words.insert(words.end(), {"net1", concat("/run/netns/", container)});
    return words;
  }
  void expect_success(const std::string& verb, const std::string& container) const {
    const ProgramOutput output = run_program(command(verb, container));
    EXPECT_EQ(output.exit_code, 0) << verb << " " << container << ": " << output.standard_error;
  }

  // The states of the cache behind each effect of the verb on c1.
  [[nodiscard]] std::vector<std::pair<std::string, FolderState>> states_during(
      const std::string& verb) const {
    std::vector<std::pair<std::string, FolderState>> states;
    SystemCall last;
    const TracedRun run = run_traced(
        {.arguments = command(verb, "c1"), .input = {}, .environment = {}},
        [&](const SystemCall& call) {
          if (changes_the_world(last)) {
            FolderState state = read_folder(kResults);
            if (states.empty() || states.back().second.files != state.files) {
              states.emplace_back(concat(verb, " behind ", describe(last)), std::move(state));
            }
          }
          last = call;
          return Interference{};
        });
    EXPECT_EQ(run.output.exit_code, 0) << run.output.standard_error;
    return states;
  }

  // c1 is attached, and the cache is what the disk has.
  void expect_goes_on(const FolderState& remains) const {
    write_folder(kResults, remains);
    const ProgramOutput list = run_program(command("list", "c2"));
    EXPECT_THAT(list.standard_output, HasSubstr("c2"));
    expect_success("check", "c2");
    expect_success("del", "c1");
    EXPECT_EQ(world(), alone_);
    EXPECT_EQ(read_folder(kResults).files, cached_alone_.files);
    expect_success("add", "c1");
    expect_success("check", "c1");
  }

  void expect_survives(const std::string& verb, const FolderState& before) const {
    const auto states = states_during(verb);
    if (verb == "del") {
      expect_success("add", "c1");
    }
    std::size_t damaged = 0;
    for (const auto& [where, state] : states) {
      for (const Remains& remains : remains_of(before, state)) {
        SCOPED_TRACE(concat(where, ", ", remains.text));
        expect_goes_on(remains.state);
        damaged += remains.damaged.size();
        if (HasFailure()) {
          return;
        }
      }
    }
    RecordProperty("damaged", static_cast<int>(damaged));
    EXPECT_GE(states.size(), 2U);
    EXPECT_GE(damaged, 2U);
  }

  std::string alone_;  // the world with c2 only
  FolderState cached_alone_;
};

TEST_F(PowerCutOfCache, InAddLeavesAnAttachmentThatDelRemoves) {
  expect_survives("add", cached_alone_);
}

TEST_F(PowerCutOfCache, InASecondAddLeavesAnAttachmentThatDelRemoves) {
  expect_success("add", "c1");
  expect_success("del", "c1");
  // What a writer that was killed left: the new file gets its name by rename(2).
  for (const auto& [name, file] : FolderState(cached_alone_).files) {
    const std::string of_c1 = concat(kResults, "/net1-c1-eth0");
    std::ofstream(of_c1) << file.content.substr(0, 20);
    std::ofstream(of_c1 + ".tmp") << "half";
  }
  expect_survives("add", read_folder(kResults));
}

TEST_F(PowerCutOfCache, InDelLeavesAnAttachmentThatAnotherDelRemoves) {
  expect_success("add", "c1");
  expect_survives("del", read_folder(kResults));
}

}  // namespace
}  // namespace linnet::test
