// tuning behind bridge, and beside the reference's own tuning.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

namespace fs = std::filesystem;
using cni::Json;
using testing::HasSubstr;

const char* const kBackup = "/run/cni/tuning/c1_eth0.json";

class Tuning : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    bridge_result_ = add(bridge_conf());
    before_ = link();
  }

  [[nodiscard]] Json conf(const Json& changes) const {
    Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "tuning"}};
    conf["prevResult"] = bridge_result_;
    return with(std::move(conf), changes);
  }
  [[nodiscard]] static std::string link() {
    const Json found = ip("c1", {"link", "show", "eth0"})[0];
    std::string text = found["address"].dump() + found["mtu"].dump() + found["txqlen"].dump();
    for (const char* flag : {"PROMISC", "ALLMULTI"}) {
      text += found["flags"].dump().find(flag) != std::string::npos ? flag : "";
    }
    return text;
  }
  [[nodiscard]] static std::string sysctl(const std::string& name) {
    return must_run({"ip", "netns", "exec", "c1", "sysctl", "-n", name});
  }
  void expect_refused(const Json& conf, const std::string& words) const {
    const std::string world_before = world();
    const ProgramOutput output = call({.verb = "ADD", .conf = conf});
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(world(), world_before);
    EXPECT_EQ(link(), before_);
    EXPECT_FALSE(fs::exists(kBackup));
  }

  Json bridge_result_;
  std::string before_;
};

const Json kAll = {{"mac", "02:00:00:00:00:aa"},
                   {"mtu", 1400},
                   {"promisc", true},
                   {"allmulti", true},
                   {"txQLen", 77}};

TEST_F(Tuning, ChangesTheInterfaceShowsItInTheResultAndRestoresIt) {
  const Json result = add(conf(kAll));
  EXPECT_EQ(link(), "\"02:00:00:00:00:aa\"140077PROMISCALLMULTI");
  EXPECT_EQ(result["interfaces"][2]["mac"], "02:00:00:00:00:aa");
  EXPECT_EQ(result["interfaces"][2]["mtu"], 1400);
  EXPECT_EQ(result["interfaces"][1], bridge_result_["interfaces"][1]);
  EXPECT_EQ(result["ips"], bridge_result_["ips"]);
  EXPECT_TRUE(ping("c1", "10.22.0.1"));
  EXPECT_EQ(fs::status(kBackup).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  Json check = conf(kAll);
  check["prevResult"] = result;
  EXPECT_EQ(call({.verb = "CHECK", .conf = check}).exit_code, 0);
  del(conf(kAll));
  EXPECT_EQ(link(), before_);
  EXPECT_FALSE(fs::exists(kBackup));
  del(conf(kAll));
  EXPECT_EQ(link(), before_);
}

TEST_F(Tuning, CheckNoticesEachChange) {
  static_cast<void>(add(conf(with(kAll, {{"sysctl", {{"net.core.somaxconn", 999}}}}))));
  const Json check = conf(with(kAll, {{"sysctl", {{"net.core.somaxconn", 999}}}}));
  const std::vector<std::pair<std::vector<std::string>, std::string>> changes = {
      {{"ip", "-n", "c1", "link", "set", "eth0", "mtu", "1300"}, "MTU 1300"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "promisc", "off"}, "is not in promiscuous mode"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "txqueuelen", "5"}, "transmit queue of 5"},
      {{"ip", "netns", "exec", "c1", "sysctl", "-qw", "net.core.somaxconn=1"}, "somaxconn"}};
  for (const auto& [command, words] : changes) {
    must_run(command);
    EXPECT_THAT(call({.verb = "CHECK", .conf = check}).json()["msg"].get<std::string>(),
                HasSubstr(words));
  }
}

TEST_F(Tuning, TheReferenceRestoresWhatLinnetChangedAndTheOtherWayRound) {
  if (reference_folder().empty()) {
    GTEST_SKIP() << "the reference plugins are not installed";
  }
  Json changes = kAll;
  changes.erase("txQLen");  // the installed reference may be older than this key
  const Json old_conf = with(conf(changes), {{"cniVersion", "0.4.0"}});
  Json theirs = old_conf;
  theirs["prevResult"] = bridge_result_;
  theirs["prevResult"]["cniVersion"] = "0.4.0";
  for (Json& address : theirs["prevResult"]["ips"]) {
    address["version"] = "4";
  }
  const std::string ours = plugin_path_ + "/tuning";
  const std::string reference = reference_folder() + "/tuning";
  for (const auto& [adder, deleter] : {std::pair(ours, reference), {reference, ours}}) {
    const auto run = [&](const std::string& executable, const char* verb) {
      const ProgramOutput output = run_program({executable}, theirs.dump(),
                                               {{"CNI_COMMAND", verb},
                                                {"CNI_CONTAINERID", "c1"},
                                                {"CNI_NETNS", "/run/netns/c1"},
                                                {"CNI_IFNAME", "eth0"},
                                                {"CNI_ARGS", ""},
                                                {"CNI_PATH", plugin_path_}});
      EXPECT_EQ(output.exit_code, 0) << executable << verb << output.standard_output;
    };
    run(adder, "ADD");
    EXPECT_THAT(link(), HasSubstr("02:00:00:00:00:aa")) << adder;
    EXPECT_TRUE(fs::exists(kBackup));
    run(deleter, "DEL");
    EXPECT_EQ(link(), before_) << deleter;
    EXPECT_FALSE(fs::exists(kBackup));
  }
}

TEST_F(Tuning, DelForgetsTheBackupOfANamespaceThatIsGone) {
  static_cast<void>(add(conf(kAll)));
  remove_container("c1");
  del(conf(kAll));
  EXPECT_FALSE(fs::exists(kBackup));
}

TEST_F(Tuning, DelToleratesABackupThatIsNoJsonAndKeysThatAreWrong) {
  static_cast<void>(add(conf(kAll)));
  std::ofstream(kBackup) << "{\"mac\": 7, nonsense";
  del(conf({{"mtu", "wrong"}, {"sysctl", 7}}));
  EXPECT_FALSE(fs::exists(kBackup));
}

TEST_F(Tuning, GcRemovesBackupsOfItsNetworkThatAreNotValid) {
  static_cast<void>(add(conf(kAll)));
  std::ofstream("/run/cni/tuning/other_eth0.json") << R"({"network": "net2", "mtu": 1500})";
  std::ofstream("/run/cni/tuning/theirs_eth0.json") << R"({"mtu": 1500})";
  Json gc = conf(
      {{"cni.dev/valid-attachments", Json::array({{{"containerID", "c1"}, {"ifname", "eth0"}}})}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_TRUE(fs::exists(kBackup));
  gc["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_FALSE(fs::exists(kBackup));
  EXPECT_TRUE(fs::exists("/run/cni/tuning/other_eth0.json"));
  EXPECT_TRUE(fs::exists("/run/cni/tuning/theirs_eth0.json"));
}

TEST_F(Tuning, NeedsAPrevResult) {
  Json without = conf(kAll);
  without.erase("prevResult");
  expect_refused(without, "Required prevResult missing");
}

TEST_F(Tuning, AFailedAddRestoresSysctlsAndInterface) {
  const std::string somaxconn = sysctl("net.core.somaxconn");
  // The kernel takes the MAC address before it refuses the MTU.
  expect_refused(conf({{"mac", "02:00:00:00:00:aa"},
                       {"mtu", 2000000},
                       {"sysctl", {{"net.core.somaxconn", "999"}}}}),
                 "eth0");
  EXPECT_EQ(sysctl("net.core.somaxconn"), somaxconn);
}

TEST_F(Tuning, ArgsWinAlsoWithoutSysctlsInTheConfiguration) {
  Json given = conf({{"mac", "02:00:00:00:00:01"}});
  given["runtimeConfig"]["mac"] = "02:00:00:00:00:02";
  given["args"]["cni"] = {{"mac", "02:00:00:00:00:03"},
                          {"sysctl", {{"net.ipv4.conf.IFNAME.log_martians", "1"}}}};
  static_cast<void>(add(given));
  EXPECT_THAT(link(), HasSubstr("02:00:00:00:00:03"));
  EXPECT_EQ(sysctl("net.ipv4.conf.eth0.log_martians"), "1\n");
}

TEST_F(Tuning, TheAllowListOfTheAdministratorIsHeeded) {
  ASSERT_EQ(::mount("none", "/etc", "tmpfs", 0, nullptr), 0);
  fs::create_directories("/etc/cni/tuning");
  std::ofstream("/etc/cni/tuning/allowlist.conf") << "^net\\.core\\.\\w+$\n\n";
  static_cast<void>(add(conf({{"sysctl", {{"net.core.somaxconn", "99"}}}})));
  EXPECT_EQ(sysctl("net.core.somaxconn"), "99\n");
  const std::string words = "Only the following sysctls are allowed";
  expect_refused(conf({{"sysctl", {{"net.ipv4.tcp_sack", "0"}}}}), words);
  expect_refused(conf({{"sysctlInherit", {"net.ipv4.tcp_sack"}}}), words);
  expect_refused(conf({{"sysctlProfile", "datacenter"}}), words);
  std::ofstream("/etc/cni/tuning/allowlist.conf") << "net(\n";
  expect_refused(conf({{"sysctl", {{"net.core.somaxconn", "98"}}}}), "is no regular expression");
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf({{"sysctl", {{"net.core.somaxconn", 1}}}})})
                .json()["code"],
            50);
  ::umount2("/etc", MNT_DETACH);
}

}  // namespace
}  // namespace linnet::test
