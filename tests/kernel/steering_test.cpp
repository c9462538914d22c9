// Receive steering of the pairs that bridge and ptp make, read from a sysfs that the test mounts itself.
#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

// What every CPU of this machine is in a mask; the last group decides on machines of up to 32.
std::string first_cpu_mask() { return "1"; }

class Steering : public HostTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
    }
  }

  [[nodiscard]] Json conf(const Json& changes = Json::object()) const {
    Json all = bridge_conf();
    all["type"] = GetParam();
    if (all["type"] != "bridge") {
      all.erase("bridge");
      all.erase("isGateway");
    }
    return with(all, changes);
  }

  // A file of the link's receive queue, without leading zeros and groups of zeros.
  [[nodiscard]] static std::string queue(const std::string& netns, const std::string& link,
                                         const std::string& file) {
    const std::string script =
        concat("mount -t sysfs s /mnt && cat /mnt/class/net/", link, "/queues/rx-0/", file);
    std::vector<std::string> command = {"unshare", "-m", "sh", "-c", script};
    if (!netns.empty()) {
      // ip netns exec has a mount namespace of its own, with the namespace's sysfs on /sys.
      command = {"ip",  "netns", "exec",
                 netns, "cat",   concat("/sys/class/net/", link, "/queues/rx-0/", file)};
    }
    std::string text(trim(must_run(command)));
    text.erase(0, text.find_first_not_of("0,"));
    return text;
  }

  [[nodiscard]] static std::string host_link(const Json& result) {
    for (const Json& entry : result["interfaces"]) {
      const std::string name = entry["name"];
      if (name.starts_with("veth") && name.size() == 15) {
        return name;
      }
    }
    return {};
  }

  [[nodiscard]] std::string message(const std::string& verb, const Json& configuration) const {
    const ProgramOutput output = call({.verb = verb, .conf = configuration});
    return output.exit_code == 0 ? "" : output.json()["msg"].get<std::string>();
  }
};

INSTANTIATE_TEST_SUITE_P(Plugin, Steering, testing::Values("bridge", "ptp"));

TEST_P(Steering, IsLeftAloneByDefaultWhereTheHostHasNoFlowTable) {
  // The table belongs to the initial namespace, which this is not.
  const Json result = add(conf());
  EXPECT_EQ(queue("", host_link(result), "rps_cpus"), "");
  EXPECT_EQ(queue("", host_link(result), "rps_flow_cnt"), "");
}

TEST_P(Steering, SetsTheCpusOfEitherEnd) {
  for (const char* text : {"0", "0x1", "00000000,00000001", "0-0"}) {
    const Json result = add(conf({{"rps", text}}));
    EXPECT_EQ(queue("", host_link(result), "rps_cpus"), first_cpu_mask()) << text;
    EXPECT_EQ(queue("c1", "eth0", "rps_cpus"), "");
    del(conf(), "c1", result);
  }
  const Json both = add(conf({{"rps", "off"}, {"rpsContainer", "0"}}));
  EXPECT_EQ(queue("", host_link(both), "rps_cpus"), "");
  EXPECT_EQ(queue("c1", "eth0", "rps_cpus"), first_cpu_mask());
}

TEST_P(Steering, AllIsEveryCpuThatIsOnlineAndNotIsolated) {
  const Json result = add(conf({{"rps", "all"}}));
  const std::string isolated(trim(read_file("/sys/devices/system/cpu/isolated", 4096)));
  const std::string mask = queue("", host_link(result), "rps_cpus");
  if (isolated.empty()) {
    std::size_t bits = 0;
    for (const char digit : mask) {
      bits += digit == ',' ? 0U
                           : static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(
                                 std::stoi(std::string(1, digit), nullptr, 16))));
    }
    EXPECT_EQ(std::to_string(bits), trim(must_run({"nproc", "--all"}))) << mask;
  }
  EXPECT_NE(mask, "");
}

TEST_P(Steering, NeedsNoSysfsOfItsNamespaceOnSys) {
  must_run({"mount", "-t", "tmpfs", "none", "/sys"});
  const Json result = add(conf({{"rps", "0"}, {"rpsContainer", "0"}}));
  must_run({"umount", "/sys"});
  EXPECT_EQ(queue("", host_link(result), "rps_cpus"), first_cpu_mask());
  EXPECT_EQ(queue("c1", "eth0", "rps_cpus"), first_cpu_mask());
}

TEST_P(Steering, CheckNamesWhatHasChanged) {
  const Json configuration = conf({{"rps", "0"}});
  const Json result = add(configuration);
  const Json with_result = with(configuration, {{"prevResult", result}});
  EXPECT_EQ(message("CHECK", with_result), "");
  must_run({"unshare", "-m", "sh", "-c",
            concat("mount -t sysfs s /mnt && echo 0 > /mnt/class/net/", host_link(result),
                   "/queues/rx-0/rps_cpus")});
  EXPECT_THAT(message("CHECK", with_result),
              HasSubstr("steers what it receives to CPUs \"\" with 0 flows, not to \"0\""));
}

TEST_P(Steering, FollowWithoutAFlowTableIsAWarningAndChangesNothing) {
  const ProgramOutput output = call({.verb = "ADD", .conf = conf({{"rps", "follow"}})});
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.standard_error, HasSubstr("net.core.rps_sock_flow_entries is 0"));
  EXPECT_EQ(queue("", host_link(output.json()), "rps_cpus"), "");
}

// The table of flows belongs to the whole machine, and only its first network namespace shows it.
class FlowTable : public Steering {
 protected:
  void SetUp() override {
    if (std::getenv("LINNET_DISPOSABLE_MACHINE") == nullptr) {
      GTEST_SKIP() << "changes a setting of the whole machine";
    }
    Steering::SetUp();
  }
  void TearDown() override {
    if (!IsSkipped()) {
      set_table("0");
    }
    Steering::TearDown();
  }

  [[nodiscard]] static std::vector<std::string> outside(std::vector<std::string> command) {
    command.insert(command.begin(), {"nsenter", "--net=/proc/1/ns/net"});
    return command;
  }
  static void set_table(const std::string& entries) {
    must_run(outside(
        {"sh", "-c", concat("echo ", entries, " > /proc/sys/net/core/rps_sock_flow_entries")}));
  }
  [[nodiscard]] static std::string table() {
    return std::string(
        trim(must_run(outside({"cat", "/proc/sys/net/core/rps_sock_flow_entries"}))));
  }

  // "CPUS FLOWS" of the host's end after an ADD in the first namespace, which is undone.
  [[nodiscard]] std::string steered(const Json& configuration) const {
    const ProgramOutput added =
        call({.verb = "ADD", .conf = configuration, .wrapper = outside({})});
    EXPECT_EQ(added.exit_code, 0) << added.standard_output;
    const std::string folder = concat("/mnt/class/net/", host_link(added.json()), "/queues/rx-0/");
    const std::string shown =
        must_run(outside({"unshare", "-m", "sh", "-c",
                          concat("mount -t sysfs s /mnt && echo $(cat ", folder, "rps_cpus) $(cat ",
                                 folder, "rps_flow_cnt)")}));
    const Json with_result = with(configuration, {{"prevResult", added.json()}});
    const ProgramOutput checked =
        call({.verb = "CHECK", .conf = with_result, .wrapper = outside({})});
    EXPECT_EQ(checked.exit_code, 0) << checked.standard_output;
    const ProgramOutput removed =
        call({.verb = "DEL", .conf = configuration, .wrapper = outside({})});
    EXPECT_EQ(removed.exit_code, 0) << removed.standard_output;
    return std::string(trim(shown));
  }
};

INSTANTIATE_TEST_SUITE_P(Plugin, FlowTable, testing::Values("bridge", "ptp"));

TEST_P(FlowTable, MakesTheDefaultFollowFlowsAndSpreadNothingElse) {
  EXPECT_THAT(steered(conf()), testing::MatchesRegex("0* 0"));
  set_table("1024");
  EXPECT_THAT(steered(conf()), testing::MatchesRegex("0* 4096"));
  EXPECT_THAT(steered(conf({{"rps", "follow"}})), testing::MatchesRegex("0*[1-9a-f]+ 4096"));
  EXPECT_EQ(table(), "1024");
}

TEST_P(FlowTable, IsMadeOnlyWhereTheConfigurationAllowsIt) {
  EXPECT_THAT(steered(conf({{"rps", "follow"}})), testing::MatchesRegex("0* 0"));
  EXPECT_EQ(table(), "0");
  EXPECT_THAT(steered(conf({{"rpsSockFlowEntries", 2048}})), testing::MatchesRegex("0* 4096"));
  EXPECT_EQ(table(), "2048");
}

TEST_P(Steering, RefusesWhatIsNoSetOfOnlineCpusAndLeavesNothing) {
  static_cast<void>(add(conf()));
  del(conf());
  const std::string before = world();
  EXPECT_THAT(message("ADD", conf({{"rps", "f"}})), HasSubstr("\"rps\": \"f\": expected \"auto\""));
  EXPECT_THAT(message("ADD", conf({{"rps", ""}, {"rpsContainer", "0x0"}})),
              HasSubstr("\"rpsContainer\": \"0x0\""));
  EXPECT_THAT(message("ADD", conf({{"rps", "0,4000"}})), HasSubstr("CPUs 4000 are not online"));
  EXPECT_THAT(message("ADD", conf({{"rpsContainer", "4000"}})),
              HasSubstr("\"rpsContainer\": CPUs 4000 are not online"));
  EXPECT_EQ(world(), before);
}

}  // namespace
}  // namespace linnet::test
