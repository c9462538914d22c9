// File systems that are full or read-only: an error that says so, and a DEL that does what it can.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::AllOf;
using testing::HasSubstr;

// A tmpfs of few blocks and inodes.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(std::string path) : path_(std::move(path)) {}

  void mount() const {
    std::filesystem::create_directories(path_);
    ASSERT_EQ(::mount("none", path_.c_str(), "tmpfs", 0, "size=64k,nr_inodes=32"), 0);
  }
  void remount(unsigned long flags, const char* options = nullptr) const {
    ASSERT_EQ(::mount("none", path_.c_str(), "tmpfs", MS_REMOUNT | flags, options), 0);
  }
  // All of its inodes or blocks.
  void fill() const {
    std::ofstream ballast(path_ + "/ballast");
    for (std::string block(1024, 'x'); ballast.write(block.data(), 1024).flush();) {
    }
    for (int i = 0; std::ofstream(path_ + "/empty" + std::to_string(i)).is_open(); ++i) {
    }
  }
  [[nodiscard]] std::string without_ballast(const std::string& facts) const {
    std::istringstream lines(facts);
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      if (line.find(path_ + "/ballast") == std::string::npos &&
          line.find(path_ + "/empty") == std::string::npos) {
        text += line + "\n";
      }
    }
    return text;
  }

 private:
  std::string path_;
};

class Storage : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    make_container("c2");
    disk_.remount(0, "size=64k,nr_inodes=32");
    empty_ = world_with_shared_things(conf());
    result_ = add(conf());
    attached_ = world();
  }

  static Json conf() { return with(bridge_conf(), {{"ipMasq", true}}); }

  void expect_add_fails(const std::string& problem, const std::string& way_out) {
    const ProgramOutput output = call({.verb = "ADD", .container = "c2", .conf = conf()});
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_EQ(output.json().value("code", 0), 5) << output.standard_output;
    EXPECT_THAT(output.standard_output, AllOf(HasSubstr("/var/lib/cni/networks/net1"),
                                              HasSubstr(problem), HasSubstr(way_out)));
    EXPECT_EQ(disk_.without_ballast(world()), attached_);
  }

  const SmallFileSystem disk_{"/var/lib/cni"};
  Json result_;
  std::string empty_;     // the world without attachments
  std::string attached_;  // with c1
};

TEST_F(Storage, ThatIsFullFailsAddAndLetsDelSucceed) {
  disk_.fill();
  expect_add_fails("no space left on device", "free space");
  EXPECT_EQ(check_message(conf(), result_), "");
  del(conf(), "c1", result_);
  EXPECT_EQ(disk_.without_ballast(world()), empty_);
}

TEST_F(Storage, ThatIsReadOnlyFailsAddAndLetsDelRemoveTheInterface) {
  disk_.remount(MS_RDONLY);
  expect_add_fails("read-only file system", "dataDir");
  EXPECT_EQ(check_message(conf(), result_), "");
  const ProgramOutput refused =
      call({.verb = "DEL", .conf = with(conf(), {{"prevResult", result_}})});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.standard_output, HasSubstr("read-only file system"));
  EXPECT_EQ(ip("c1", {"link", "show", "dev", "eth0"}), Json::array());
  // The lease is what is left, and its address is nobody else's.
  EXPECT_THAT(world(), HasSubstr("10.22.0."));
  disk_.remount(0);
  del(conf(), "c1", result_);
  EXPECT_EQ(world(), empty_);
}

TEST_F(Storage, ThatIsReadOnlyFailsGcBehindTheInterfacesAndStatus) {
  disk_.remount(MS_RDONLY);
  const ProgramOutput status = call({.verb = "STATUS", .conf = conf()});
  EXPECT_EQ(status.json().value("code", 0), 50) << status.standard_output;
  EXPECT_THAT(status.standard_output,
              AllOf(HasSubstr("write below /var/lib/cni/networks/net1: read-only file system"),
                    HasSubstr("ipam.dataDir")));
  const ProgramOutput refused = call({.verb = "GC", .conf = conf()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.standard_output,
              AllOf(HasSubstr("remove lease 10.22.0."), HasSubstr("read-only file system")));
  EXPECT_EQ(ip("c1", {"link", "show", "dev", "eth0"}), Json::array());
  disk_.remount(0);
  EXPECT_EQ(call({.verb = "GC", .conf = conf()}).exit_code, 0);
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf()}).exit_code, 0);
  EXPECT_EQ(world(), empty_);
}

TEST_F(Storage, ThatIsReadOnlyIsNoMatterForDelWithoutALease) {
  del(conf(), "c1", result_);
  disk_.remount(MS_RDONLY);
  del(conf(), "c1", result_);
  del(conf(), "c2");
}

// tuning's backup of the interface.
class StorageOfTuning : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    prev_result_ = add(bridge_conf());
    disk_.mount();
  }

  [[nodiscard]] Json conf() const {
    return {{"cniVersion", "1.1.0"},     {"name", "net1"}, {"type", "tuning"},
            {"dataDir", "/run/tuning"},  {"mtu", 1400},    {"sysctl", {{"net.core.somaxconn", 99}}},
            {"prevResult", prev_result_}};
  }
  // What tuning changes in the container.
  [[nodiscard]] static std::string settings() {
    return ip("c1", {"link", "show", "eth0"})[0]["mtu"].dump() + " " +
           must_run({"ip", "netns", "exec", "c1", "sysctl", "-n", "net.core.somaxconn"});
  }
  void expect_add_fails(const std::string& problem) const {
    const std::string before = settings();
    const ProgramOutput output = call({.verb = "ADD", .conf = conf()});
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_EQ(output.json().value("code", 0), 5) << output.standard_output;
    EXPECT_THAT(output.standard_output,
                AllOf(HasSubstr("/run/tuning"), HasSubstr(problem), HasSubstr("dataDir")));
    EXPECT_EQ(settings(), before);
  }

  Json prev_result_;
  const SmallFileSystem disk_{"/run/tuning"};
  const std::string backup_ = "/run/tuning/c1_eth0.json";
};

TEST_F(StorageOfTuning, ThatIsFullFailsAddAndLetsDelSucceed) {
  const std::string before = settings();
  disk_.fill();
  expect_add_fails("no space left on device");
  EXPECT_FALSE(std::filesystem::exists(backup_));
  del(conf());
  std::filesystem::remove("/run/tuning/ballast");
  std::filesystem::remove("/run/tuning/empty0");
  static_cast<void>(add(conf()));
  disk_.fill();
  del(conf());
  EXPECT_EQ(settings().substr(0, 4), before.substr(0, 4));
  EXPECT_FALSE(std::filesystem::exists(backup_));
}

TEST_F(StorageOfTuning, ThatIsReadOnlyFailsAddAndLetsDelRestoreTheInterface) {
  const std::string mtu = settings().substr(0, 4);
  disk_.remount(MS_RDONLY);
  expect_add_fails("read-only file system");
  disk_.remount(0);
  static_cast<void>(add(conf()));
  disk_.remount(MS_RDONLY);
  const ProgramOutput output = call({.verb = "DEL", .conf = conf()});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_THAT(output.standard_error, HasSubstr("read-only file system"));
  EXPECT_EQ(settings().substr(0, 4), mtu);
  disk_.remount(0);
  del(conf());
  EXPECT_FALSE(std::filesystem::exists(backup_));
}

// libcni's cache of results, by cnitool.
class StorageOfCache : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    disk_.remount(0, "size=64k,nr_inodes=32");
    std::filesystem::create_directory("/run/net.d");
    Json plugin = bridge_conf();
    plugin["ipam"]["dataDir"] = "/run/leases";
    const Json list = {
        {"cniVersion", "1.1.0"}, {"name", "net1"}, {"plugins", Json::array({plugin})}};
    std::ofstream("/run/net.d/net1.conflist") << list.dump();
    expect_success("add");
    expect_success("del");
    empty_ = everything();
  }

  [[nodiscard]] ProgramOutput cnitool(const std::string& verb) const {
    return run_program({plugin_path_ + "/cnitool", "--conf-dir=/run/net.d",
                        "--plugin-path=" + plugin_path_, verb, "net1", "/run/netns/c1"});
  }
  void expect_success(const std::string& verb) const {
    const ProgramOutput output = cnitool(verb);
    EXPECT_EQ(output.exit_code, 0) << verb << ": " << output.standard_error;
  }
  void expect_failure(const std::string& verb, const std::string& problem) const {
    const ProgramOutput output = cnitool(verb);
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    EXPECT_THAT(output.standard_error,
                AllOf(HasSubstr("/var/lib/cni/results"), HasSubstr(problem)));
  }
  // Leases are not where world() looks.
  [[nodiscard]] std::string everything() const {
    return disk_.without_ballast(world()) + must_run({"find", "/run/leases", "-name", "10.*"});
  }

  const SmallFileSystem disk_{"/var/lib/cni"};
  std::string empty_;
};

TEST_F(StorageOfCache, ThatIsFullFailsAddWhichDelTakesBack) {
  disk_.fill();
  expect_failure("add", "no space left on device");
  expect_success("del");
  EXPECT_EQ(everything(), empty_);
}

TEST_F(StorageOfCache, ThatIsReadOnlyFailsDelBehindThePlugins) {
  expect_success("add");
  disk_.remount(MS_RDONLY);
  expect_success("check");
  expect_failure("del", "read-only file system");
  EXPECT_EQ(ip("c1", {"link", "show", "dev", "eth0"}), Json::array());
  disk_.remount(0);
  expect_success("del");
  EXPECT_EQ(everything(), empty_);
}

}  // namespace
}  // namespace linnet::test
