// The rig with the plugins as they were built: what it measures with, and that nothing of it stays. Figures are no
// matter of tests.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "libcni/json.h"
#include "tests/support/program.h"

namespace linnet::test {
namespace {

using cni::Json;

constexpr const char* kFlowTable = "/proc/sys/net/core/rps_sock_flow_entries";

std::string flow_table() {
  std::ifstream file(kFlowTable);
  std::string text;
  file >> text;
  return text;
}

// Links, addresses, rules and mounts of the namespaces that the test runs in.
std::string surroundings() {
  return must_run(
      {"sh", "-c",
       "ip -br link; ip -br addr; nft list ruleset; cut -d' ' -f5 /proc/self/mountinfo; "
       "ls /run/netns 2>/dev/null; true"});
}

const std::vector<std::string> kQuickRun = {LINNET_BIN_DIR "/netrig",
                                            "steering",
                                            "--rounds",
                                            "1",
                                            "--milliseconds",
                                            "300",
                                            "--cycles",
                                            "10",
                                            "--json"};

class Rig : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }
};

TEST_F(Rig, MeasuresEverySettingOnEveryPathAndLeavesNothing) {
  const std::string before = surroundings();
  const std::string table_before = flow_table();
  const ProgramOutput output = run_program(kQuickRun);
  ASSERT_EQ(output.exit_code, 0) << output.standard_error;
  const Json report = output.json();
  ASSERT_EQ(report["paths"].size(), 2U);
  for (const Json& path : report["paths"]) {
    std::vector<std::string> settings;
    for (const Json& row : path["rows"]) {
      settings.push_back(row["setting"]);
      EXPECT_EQ(row["round_trip_us"].size(), 10U);
      ASSERT_EQ(row["bulk"].size(), 1U);
      EXPECT_GT(row["bulk"][0]["bits_per_second"], 0);
      EXPECT_GT(row["bulk"][0]["sender"]["TcpOutSegs"], 0);
      EXPECT_GT(row["bulk"][0]["receiver"]["TcpInSegs"], 0);
    }
    EXPECT_THAT(settings, testing::ElementsAre("off", "off again", "all", "follow", "auto"));
  }
  EXPECT_EQ(flow_table(), table_before);
  EXPECT_EQ(surroundings(), before);
}

// A run that is under way, in a group of its own.
pid_t start() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execl(LINNET_BIN_DIR "/netrig", "netrig", "steering", "--rounds", "1000", nullptr);
    ::_exit(127);
  }
  return pid;
}

// Looked at until it is so, for at most some seconds.
bool becomes(const std::function<bool()>& so) {
  for (int i = 0; i < 1000; ++i) {
    if (so()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class RigEnd : public Rig, public testing::WithParamInterface<int> {};

TEST_P(RigEnd, ByASignalLeavesNothing) {
  const std::string before = surroundings();
  const std::string table_before = flow_table();
  const pid_t pid = start();
  ASSERT_GT(pid, 0);
  // Its plugins have run when it has a namespace of its own with a bridge in it.
  const std::string look = "nsenter --target " + std::to_string(pid) +
                           " --net ip link show rig0 2>/dev/null | grep -q rig0";
  EXPECT_TRUE(becomes([&] { return run_program({"sh", "-c", look}).exit_code == 0; }));
  if (table_before == "0") {
    EXPECT_EQ(flow_table(), "32768");
  }
  ::kill(-pid, GetParam());
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(becomes([&] { return flow_table() == table_before; })) << flow_table();
  EXPECT_EQ(surroundings(), before);
}

INSTANTIATE_TEST_SUITE_P(, RigEnd, testing::Values(SIGINT, SIGTERM, SIGKILL));

TEST_F(Rig, SaysWhatIsWrong) {
  EXPECT_NE(run_program({LINNET_BIN_DIR "/netrig"}).exit_code, 0);
  const ProgramOutput output =
      run_program({LINNET_BIN_DIR "/netrig", "steering", "--cni-path", "/nonexistent"});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_error, testing::HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace linnet::test
