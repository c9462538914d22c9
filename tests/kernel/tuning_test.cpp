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
using testing::AllOf;
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
      {{"ip", "-n", "c1", "link", "set", "eth0", "allmulticast", "off"},
       "is not in all-multicast mode"},
      {{"ip", "-n", "c1", "link", "set", "eth0", "txqueuelen", "5"}, "transmit queue of 5"},
      {{"ip", "netns", "exec", "c1", "sysctl", "-qw", "net.core.somaxconn=1"}, "somaxconn"},
      {{"ip", "-n", "c1", "link", "delete", "eth0"}, "eth0 is not in the container"}};
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
  const ProgramOutput output =
      call({.verb = "DEL", .conf = conf({{"mtu", "wrong"}, {"sysctl", 7}})});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error,
              HasSubstr("nothing to restore: " + std::string(kBackup) + ": not JSON"));
  EXPECT_FALSE(fs::exists(kBackup));
}

TEST_F(Tuning, DelTellsWhatTheKernelRefusesToRestoreAndRestoresTheRest) {
  static_cast<void>(add(conf(kAll)));
  std::ofstream(kBackup) << R"({"network": "net1", "mac": "01:00:5e:00:00:01", "mtu": 1500,
                                "promisc": "yes", "allmulti": false, "txQLen": -1})";
  const ProgramOutput output = call({.verb = "DEL", .conf = conf(kAll)});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error,
              AllOf(HasSubstr("restore a property of eth0: "), HasSubstr("address")));
  EXPECT_EQ(link(), "\"02:00:00:00:00:aa\"150077PROMISC");
  EXPECT_FALSE(fs::exists(kBackup));
}

TEST_F(Tuning, DelTellsThatABackupIsNoFileAndSucceeds) {
  fs::create_directories(kBackup);
  const ProgramOutput output = call({.verb = "DEL", .conf = conf(kAll)});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error,
              HasSubstr("eth0 is not restored: read " + std::string(kBackup) + ": is a directory"));
  EXPECT_THAT(output.standard_error, HasSubstr("remove " + std::string(kBackup)));
  EXPECT_EQ(link(), before_);
}

TEST_F(Tuning, ADataDirThatIsNoPathIsRefusedByAddAndTheDefaultForDel) {
  for (const Json& wrong : {Json(7), Json("relative"), Json("/run/../etc")}) {
    SCOPED_TRACE(wrong.dump());
    expect_refused(conf(with(kAll, {{"dataDir", wrong}})), "\"dataDir\": ");
    static_cast<void>(add(conf(kAll)));
    const ProgramOutput output =
        call({.verb = "DEL", .conf = conf(with(kAll, {{"dataDir", wrong}}))});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    EXPECT_THAT(output.standard_error, HasSubstr("\"dataDir\": "));
    EXPECT_THAT(output.standard_error, HasSubstr("cleaning up below /run/cni/tuning"));
    EXPECT_EQ(link(), before_);
    EXPECT_FALSE(fs::exists(kBackup));
  }
}

TEST_F(Tuning, SysctlsOfAReadOnlyProcAreRefusedUnlessTheyAreSetAlready) {
  const auto read_only = [&](const char* verb, const Json& value) {
    return call({.verb = verb,
                 .conf = conf({{"sysctl", {{"net.core.somaxconn", value}}}}),
                 .wrapper = {"unshare", "-m", "sh", "-c",
                             "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro "
                             "/proc/sys && exec \"$@\"",
                             "sh"}});
  };
  const std::string before = sysctl("net.core.somaxconn");
  const ProgramOutput refused = read_only("ADD", "999");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.json()["code"], 7);
  EXPECT_EQ(refused.json()["msg"],
            "sysctl \"net.core.somaxconn\" cannot be set: /proc/sys is mounted read-only here");
  EXPECT_EQ(sysctl("net.core.somaxconn"), before);
  EXPECT_EQ(read_only("ADD", before.substr(0, before.find('\n'))).exit_code, 0);
}

TEST_F(Tuning, GcTellsOfAFolderThatCannotBeReadOrChanged) {
  Json gc = conf({{"dataDir", "/run/tuning"}, {"cni.dev/valid-attachments", Json::array()}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0) << "there is no such folder";
  std::ofstream("/run/tuning") << "a file";
  const ProgramOutput no_folder = call({.verb = "GC", .conf = gc});
  EXPECT_EQ(no_folder.exit_code, 1);
  EXPECT_THAT(no_folder.json()["msg"].get<std::string>(),
              HasSubstr("read folder /run/tuning: not a directory"));

  fs::remove("/run/tuning");
  static_cast<void>(add(with(conf(kAll), {{"dataDir", "/run/tuning"}})));
  ASSERT_EQ(::mount("/run/tuning", "/run/tuning", nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount("none", "/run/tuning", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  const ProgramOutput read_only = call({.verb = "GC", .conf = gc});
  EXPECT_EQ(read_only.exit_code, 1);
  EXPECT_THAT(read_only.json()["msg"].get<std::string>(),
              HasSubstr("remove /run/tuning/c1_eth0.json: read-only file system"));
  const ProgramOutput status = call({.verb = "STATUS", .conf = gc});
  EXPECT_EQ(status.json()["code"], 50);
  EXPECT_EQ(status.json()["msg"],
            "\"dataDir\": /run/tuning cannot be written: read-only file system");
  ::umount2("/run/tuning", MNT_DETACH);
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_FALSE(fs::exists("/run/tuning/c1_eth0.json"));
  EXPECT_EQ(call({.verb = "STATUS", .conf = gc}).exit_code, 0);
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
  fs::remove("/etc/cni/tuning/allowlist.conf");
  fs::create_directory("/etc/cni/tuning/allowlist.conf");
  expect_refused(
      conf({{"sysctl", {{"net.core.somaxconn", "98"}}}}),
      "the list of allowed sysctls: read /etc/cni/tuning/allowlist.conf: is a directory");
  ::umount2("/etc", MNT_DETACH);
}

}  // namespace
}  // namespace linnet::test
