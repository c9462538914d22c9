// The rig with the plugins as they were built: what it measures with, and that nothing of it stays. Figures are no
// matter of tests.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

#include "libcni/json.h"
#include "tests/support/program.h"
#include "tests/support/temp_folder.h"

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
                                            "60",
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

// Every case that this kernel can have, with everything that was counted.
TEST_F(Rig, RunMeasuresEveryWayThroughEveryNetworkAndLeavesNothing) {
  const std::string before = surroundings();
  const TempFolder folder;
  const std::string file = folder.path() + "/run.json";
  const std::string list = folder.path() + "/mine.conflist";
  std::ofstream(list) << R"({"cniVersion": "1.0.0", "name": "mine", "plugins": [
    {"type": "bridge", "bridge": "mine0", "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}]})";
  std::vector<std::string> command = {LINNET_BIN_DIR "/netrig",
                                      "run",
                                      "--quick",
                                      "--migrate",
                                      "--scale",
                                      "0.02",
                                      "--conf",
                                      list,
                                      "--json",
                                      file,
                                      "--csv",
                                      folder.at("run.csv")};
  std::size_t topologies = 8;
#ifdef __SANITIZE_ADDRESS__
  // A sanitized process takes long to fork; the others run with the released build.
  command.insert(command.end(), {"--topology", "bridge+NAT", "--topology", "ipvlan l2"});
  topologies = 3;
#endif
  const ProgramOutput output = run_program(command);
  ASSERT_EQ(output.exit_code, 0) << output.standard_error;
  std::ifstream stream(file);
  const Json report = Json::parse(std::string(std::istreambuf_iterator<char>(stream), {}));
  EXPECT_EQ(report["cases"].size(), 3 + topologies * 3);
  for (const Json& one : report["cases"]) {
    const std::string topology = one["topology"];
    if (topology == "mine" && one["way"] != "container to container") {
      // Its containers have no route to the outside.
      EXPECT_THAT(one["unavailable"].get<std::string>(), testing::HasSubstr("connect from"));
      continue;
    }
    if (one["unavailable"] != "") {
      EXPECT_THAT(topology, testing::StartsWith("ipvlan"));
      EXPECT_EQ(one["unavailable"], "this kernel has no ipvlan");
      continue;
    }
    ASSERT_EQ(one["series"].size(), report["workloads"].size()) << topology;
    for (const Json& series : one["series"]) {
      EXPECT_GE(series["samples"].size(), 6U);
      // What so short a bulk flow carries on a busy machine may be nothing.
      if (!series["workload"].get<std::string>().starts_with("bulk")) {
        EXPECT_GT(series["summary"]["rate"], 0);
        EXPECT_GT(series["account"]["client"]["TcpOutSegs"], 0);
        EXPECT_GT(series["account"]["server"]["TcpInSegs"], 0);
      }
      EXPECT_GT(series["account"]["machine"]["contextSwitches"], 0);
      EXPECT_FALSE(series["flows"].empty());
    }
    EXPECT_EQ(one["link"].is_null(), topology == "host");
  }
  EXPECT_THAT(output.standard_output, testing::HasSubstr("bridge+NAT, container to outside"));
  EXPECT_EQ(surroundings(), before);
}

// iperf3 is a package of the tests, netperf is not in every distribution.
TEST_F(Rig, RunHearsWitnesses) {
  const std::string before = surroundings();
  const TempFolder folder;
  const std::string file = folder.path() + "/run.json";
  const ProgramOutput output =
      run_program({LINNET_BIN_DIR "/netrig", "run", "--quick", "--scale", "0.02", "--witness",
                   "--topology", "bridge", "--json", file});
  ASSERT_EQ(output.exit_code, 0) << output.standard_error;
  std::ifstream stream(file);
  const Json report = Json::parse(std::string(std::istreambuf_iterator<char>(stream), {}));
  ASSERT_EQ(report["witnesses"].size(), 4U);
  for (const Json& witness : report["witnesses"]) {
    if (witness["program"] == "netperf" && witness["unavailable"] != "") {
      EXPECT_EQ(witness["unavailable"], "netserver is not installed");
      continue;
    }
    ASSERT_EQ(witness["unavailable"], "");
    EXPECT_EQ(witness["own"].size(), 1U);
    EXPECT_GT(witness["own"][0], 0);
    EXPECT_GT(witness["theirs"][0], 0);
  }
  EXPECT_EQ(surroundings(), before);
}

// A run that is under way, in a group of its own.
pid_t start(const char* command) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execl(LINNET_BIN_DIR "/netrig", "netrig", command, nullptr);
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
  const pid_t pid = start("steering");
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

// The processes that answer requests, too.
TEST_F(Rig, KilledDuringARunLeavesNoProcess) {
  const std::string before = surroundings();
  const pid_t pid = start("run");
  ASSERT_GT(pid, 0);
  const std::string children =
      "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
  EXPECT_TRUE(becomes([&] {
    std::ifstream file(children);
    // A plugin is executed alone, answering processes are many.
    return std::distance(std::istream_iterator<pid_t>(file), {}) > 5;
  }));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(becomes([&] { return ::kill(-pid, 0) != 0; }));
  EXPECT_EQ(surroundings(), before);
}

TEST_F(Rig, SelftestComparesPairsThatAreTheSame) {
  const ProgramOutput output = run_program(
      {LINNET_BIN_DIR "/netrig", "selftest", "--pairs", "2", "--cycles", "2", "--json"});
  ASSERT_EQ(output.exit_code, 0) << output.standard_error;
  const Json report = output.json();
  EXPECT_EQ(report["pairs"].size(), 2U);
  EXPECT_GT(report["pairs"][1]["median"], 0);
  EXPECT_LE(report["no_difference"], 2);
}

// What is read inside the namespaces of attachments, found through the cache as a runtime leaves it.
TEST_F(Rig, StatLooksIntoEveryCachedAttachment) {
  const TempFolder folder;
  const std::string netns = "rigstat" + std::to_string(::getpid());
  must_run({"ip", "netns", "add", netns});
  must_run({"ip", "-n", netns, "link", "set", "lo", "up"});
  must_run({"ip", "netns", "exec", netns, "ping", "-c", "1", "-W", "2", "127.0.0.1"});
  const auto attachment = [&](const std::string& id, const std::string& path) {
    const Json json = {{"kind", "cniCacheV1"},
                       {"networkName", "net"},
                       {"containerId", id},
                       {"ifName", "lo"},
                       {"config", ""},
                       {"netns", path},
                       {"result", {{"cniVersion", "1.0.0"}}}};
    folder.write("results/net-" + id + "-lo", json.dump());
  };
  attachment("alive", "/run/netns/" + netns);
  attachment("gone", "/run/netns/nobody");
  const std::vector<std::string> stat = {
      LINNET_BIN_DIR "/netrig", "stat", "--cache", folder.path(), "--seconds", "0.05"};
  std::vector<std::string> as_json = stat;
  as_json.emplace_back("--json");
  const Json report = run_program(as_json).json();
  ASSERT_EQ(report["attachments"].size(), 2U);
  const Json& alive = report["attachments"][0];
  EXPECT_EQ(alive["containerID"], "alive");
  // An echo request and its reply over the loopback: nothing of the host's own.
  EXPECT_EQ(alive["counters"]["sent_bytes_total"], 2 * 84);
  EXPECT_EQ(alive["counters"]["tcp_segments_total"], 0);
  EXPECT_EQ(alive["rates"]["tcp_retransmits"], 0);
  EXPECT_THAT(report["attachments"][1]["problem"].get<std::string>(),
              testing::HasSubstr("/run/netns/nobody"));
  EXPECT_THAT(run_program(stat).standard_output, testing::HasSubstr("no namespace at"));

  std::vector<std::string> as_file = stat;
  as_file.insert(as_file.end(), {"--prometheus", folder.at("linnet.prom")});
  ASSERT_EQ(run_program(as_file).exit_code, 0);
  std::ifstream stream(folder.at("linnet.prom"));
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  EXPECT_THAT(text, testing::HasSubstr("# TYPE linnet_attachment_sent_bytes_total counter\n"
                                       "linnet_attachment_sent_bytes_total{network=\"net\","
                                       "container=\"alive\",ifname=\"lo\"} 168\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("gone")));
  must_run({"ip", "netns", "del", netns});
}

TEST_F(Rig, SetupTimesThePluginsAndAWholeChain) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a plugin with LeakSanitizer fails under ptrace; runs with the released build";
#endif
  for (const std::string& scenario :
       {std::string("bridge+ipMasq+host-local"),
        std::string("chain: bridge+ipMasq+host-local, portmap, firewall, tuning")}) {
    const ProgramOutput output =
        run_program({LINNET_BIN_DIR "/netrig", "setup", "--scenario", scenario, "--rounds", "1",
                     "--attachments", "0", "--burst", "2", "--json"});
    ASSERT_EQ(output.exit_code, 0) << output.standard_error;
    const Json report = output.json();
    ASSERT_EQ(report["rows"].size(), 3U) << report.dump() << output.standard_error;
    for (const Json& row : report["rows"]) {
      EXPECT_EQ(row["scenario"], scenario);
      EXPECT_GT(row["columns"][0]["wall_us"]["median"], 0);
    }
    // Each plugin of the chain and nothing else.
    EXPECT_EQ(report["rows"][0]["columns"][0]["execs"], scenario[0] == 'c' ? 4 : 1);
  }
}

TEST_F(Rig, SetupComparesOnePortWithMany) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a plugin with LeakSanitizer fails under ptrace; runs with the released build";
#endif
  const ProgramOutput output =
      run_program({LINNET_BIN_DIR "/netrig", "setup", "--scenario",
                   "ports of one container: portmap", "--rounds", "1", "--json"});
  ASSERT_EQ(output.exit_code, 0) << output.standard_error;
  const Json report = output.json();
  ASSERT_EQ(report["rows"].size(), 2U) << report.dump() << output.standard_error;
  for (const Json& row : report["rows"]) {
    ASSERT_EQ(row["columns"].size(), 2U);
    EXPECT_EQ(row["columns"][1]["folder"], "200 ports");
    EXPECT_GT(row["columns"][1]["ratio_to_first"]["median"], 0);
  }
}

TEST_F(Rig, SaysThatItsReportCouldNotBeWritten) {
  const TempFolder cache;
  const ProgramOutput stat =
      run_program({"sh", "-c", R"("$0" stat --seconds 0.05 --cache "$1" >/dev/full)",
                   LINNET_BIN_DIR "/netrig", cache.path()});
  EXPECT_EQ(stat.exit_code, 1);
  EXPECT_THAT(stat.standard_error, testing::HasSubstr("write stdout: no space left on device"));
}

TEST_F(Rig, SaysWhatIsWrong) {
  EXPECT_NE(run_program({LINNET_BIN_DIR "/netrig"}).exit_code, 0);
  const ProgramOutput list =
      run_program({LINNET_BIN_DIR "/netrig", "run", "--conf", "/nonexistent.conflist"});
  EXPECT_EQ(list.exit_code, 1);
  const ProgramOutput topology =
      run_program({LINNET_BIN_DIR "/netrig", "run", "--topology", "macvlam"});
  EXPECT_NE(topology.exit_code, 0);
  EXPECT_THAT(topology.standard_error, testing::HasSubstr("macvlam"));
  const ProgramOutput scenario =
      run_program({LINNET_BIN_DIR "/netrig", "setup", "--scenario", "bridge+ipMask"});
  EXPECT_NE(scenario.exit_code, 0);
  EXPECT_THAT(scenario.standard_error, testing::HasSubstr("bridge+ipMasq+host-local"));
  EXPECT_THAT(list.standard_error, testing::HasSubstr("/nonexistent.conflist"));
  const ProgramOutput output =
      run_program({LINNET_BIN_DIR "/netrig", "steering", "--cni-path", "/nonexistent"});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_error, testing::HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace linnet::test
