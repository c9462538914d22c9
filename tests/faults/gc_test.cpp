// A GC whose list does not name an attachment, while the ADD of that attachment is under way: whichever of the two
// is the slower one, no address stays in a container without its lease.
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/faults/attachment_world.h"
#include "tests/faults/system_calls.h"
#include "tests/kernel/bridge_conf.h"

namespace linnet::test {
namespace {

using cni::Json;

// A program that runs beside the one that is traced.
class Companion {
 public:
  explicit Companion(const TracedProgram& program)
      : input_(memory_file(program.input)), output_(memory_file("")) {
    std::vector<std::string> arguments = program.arguments;
    std::vector<std::string> variables;
    for (const auto& [name, value] : program.environment) {
      variables.push_back(concat(name, "=", value));
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input_.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output_.get(), STDOUT_FILENO);
    const int error = ::posix_spawn(&pid_, arguments[0].c_str(), &actions, nullptr,
                                    pointers(arguments).data(), pointers(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      throw SystemError(error, "start a program");
    }
  }
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;
  ~Companion() { static_cast<void>(finish()); }

  // Until it is at its end, or waits for a lock that the traced program has.
  void run_as_far_as_possible() const {
    while (!ended() && !waits_for_a_lock()) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  ProgramOutput finish() {
    if (pid_ != 0) {
      int status = 0;
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
      pid_ = 0;
      answer_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ::lseek(output_.get(), 0, SEEK_SET);
      answer_.standard_output = read_all(output_.get(), std::size_t{1} << 20U, "the answer");
    }
    return answer_;
  }

 private:
  static UniqueFd memory_file(const std::string& content) {
    UniqueFd fd(::memfd_create("stream", MFD_CLOEXEC));
    write_all(fd.get(), content, "stream");
    ::lseek(fd.get(), 0, SEEK_SET);
    return fd;
  }
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) {
      all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
  }
  [[nodiscard]] bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  [[nodiscard]] bool waits_for_a_lock() const {
    std::ifstream locks("/proc/locks");
    const std::string waiter = concat(" ", pid_, " ");
    for (std::string line; std::getline(locks, line);) {
      if (line.find("-> FLOCK") != std::string::npos && line.find(waiter) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  UniqueFd input_;
  UniqueFd output_;
  pid_t pid_ = 0;
  ProgramOutput answer_;
};

class GcDuringAdd : public AttachmentWorld, public testing::WithParamInterface<NetworkCase> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      prepare(GetParam());
    }
    if (!IsSkipped()) {
      // Without what the attachments of a network share, which a GC without any attachment removes.
      collect();
      take_snapshots();
    }
  }

  [[nodiscard]] Json conf() const { return network_.list[0]; }
  [[nodiscard]] TracedProgram gc_without_any() const {
    TracedProgram gc = program("GC", with(conf(), {{"cni.dev/valid-attachments", Json::array()}}));
    for (const char* name : {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}) {
      gc.environment.erase(name);
    }
    return gc;
  }

  // Runs `first` and, in front of its nth system call, `second`. Absent when `first` makes fewer calls.
  struct Outcome {
    std::string where;
    ProgramOutput first;
    ProgramOutput second;
  };
  static std::optional<Outcome> interleave(const TracedProgram& first, const TracedProgram& second,
                                           std::size_t nth) {
    std::optional<Companion> companion;
    std::string where;
    const TracedRun run = run_traced(first, [&](const SystemCall& call) {
      if (call.nth == nth) {
        where = describe(call);
        companion.emplace(second).run_as_far_as_possible();
      }
      return Interference{};
    });
    EXPECT_FALSE(run.hung);
    if (!companion) {
      return std::nullopt;
    }
    return Outcome{where, run.output, companion->finish()};
  }

  void at_every_call(const TracedProgram& first, const TracedProgram& second,
                     const std::function<void(const Outcome&)>& judge) {
    for (std::size_t nth = 1; !HasFailure(); ++nth) {
      const std::optional<Outcome> outcome = interleave(first, second, nth);
      if (!outcome) {
        break;
      }
      SCOPED_TRACE(concat(second.environment.at("CNI_COMMAND"), " in front of ",
                          first.environment.at("CNI_COMMAND"), "'s ", outcome->where));
      judge(*outcome);
    }
    RecordProperty("kept", kept_);
    RecordProperty("removed", removed_);
    RecordProperty("failed", failed_);
    EXPECT_GT(kept_, 0);
    EXPECT_GT(removed_ + failed_, 0);
  }

  // What became of the attachment is one thing or the other, and DEL clears up behind both.
  void expect_consistent(const ProgramOutput& add, const ProgramOutput& gc) {
    EXPECT_EQ(gc.exit_code, 0) << gc.standard_output;
    const bool attached = !ip("c1", {"addr", "show", "dev", "eth0"}).empty();
    if (add.exit_code != 0) {
      EXPECT_EQ(whole_difference(), "") << "left by an ADD that failed: " << add.standard_output;
      ++failed_;
    } else if (attached) {
      EXPECT_EQ(check_list(add.json()), "");
      ++kept_;
    } else {
      ++removed_;
    }
    del_list(add.exit_code == 0 ? add.json() : Json());
    EXPECT_EQ(whole_difference(), "") << "left by DEL";
  }

  int kept_ = 0;
  int removed_ = 0;
  int failed_ = 0;
};

TEST_P(GcDuringAdd, AtEveryCallOfAddLeavesAnAttachmentOrNone) {
  at_every_call(program("ADD", conf()), gc_without_any(),
                [&](const Outcome& outcome) { expect_consistent(outcome.first, outcome.second); });
}

TEST_P(GcDuringAdd, AddAtEveryCallOfGcIsAnAttachmentOrNone) {
  at_every_call(gc_without_any(), program("ADD", conf()),
                [&](const Outcome& outcome) { expect_consistent(outcome.second, outcome.first); });
}

// Those with an interface, which GC removes before its lease. The VLANs of a bridge's port go with the port.
std::vector<NetworkCase> cases_with_an_interface() {
  std::vector<NetworkCase> cases = network_cases();
  std::erase_if(cases, [](const NetworkCase& network) {
    return !network.before.empty() || network.list.size() != 1 || network.name == "loopback" ||
           network.name == "host_local" || network.name == "bridge_vlan";
  });
  return cases;
}

std::string case_name(const testing::TestParamInfo<NetworkCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Network, GcDuringAdd, testing::ValuesIn(cases_with_an_interface()),
                         case_name);

}  // namespace
}  // namespace linnet::test
