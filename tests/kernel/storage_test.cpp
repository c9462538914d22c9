// File systems that are full or read-only: an error that says so, and a DEL that does what it can.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <fstream>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::AllOf;
using testing::HasSubstr;

class Storage : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_container("c1");
    make_container("c2");
    remount(0, "size=64k,nr_inodes=32");
    empty_ = world_with_shared_things(conf());
    result_ = add(conf());
    attached_ = world();
  }

  static Json conf() { return with(bridge_conf(), {{"ipMasq", true}}); }

  static void remount(unsigned long flags, const char* options = nullptr) {
    ASSERT_EQ(::mount("none", "/var/lib/cni", "tmpfs", MS_REMOUNT | flags, options), 0);
  }
  void expect_add_fails(const std::string& problem, const std::string& way_out) {
    const ProgramOutput output = call({.verb = "ADD", .container = "c2", .conf = conf()});
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_EQ(output.json().value("code", 0), 5) << output.standard_output;
    EXPECT_THAT(output.standard_output, AllOf(HasSubstr("/var/lib/cni/networks/net1"),
                                              HasSubstr(problem), HasSubstr(way_out)));
    EXPECT_EQ(without_ballast(world()), attached_);
  }
  // All of the file system's inodes or blocks.
  static void fill() {
    std::ofstream ballast("/var/lib/cni/ballast");
    for (std::string block(1024, 'x'); ballast.write(block.data(), 1024).flush();) {
    }
    for (int i = 0; std::ofstream("/var/lib/cni/empty" + std::to_string(i)).is_open(); ++i) {
    }
  }
  static std::string without_ballast(const std::string& world) {
    std::istringstream lines(world);
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      if (line.find("/var/lib/cni/ballast") == std::string::npos &&
          line.find("/var/lib/cni/empty") == std::string::npos) {
        text += line + "\n";
      }
    }
    return text;
  }

  Json result_;
  std::string empty_;     // the world without attachments
  std::string attached_;  // with c1
};

TEST_F(Storage, ThatIsFullFailsAddAndLetsDelSucceed) {
  fill();
  expect_add_fails("no space left on device", "free space");
  EXPECT_EQ(check_message(conf(), result_), "");
  del(conf(), "c1", result_);
  EXPECT_EQ(without_ballast(world()), empty_);
}

TEST_F(Storage, ThatIsReadOnlyFailsAddAndLetsDelRemoveTheInterface) {
  remount(MS_RDONLY);
  expect_add_fails("read-only file system", "dataDir");
  EXPECT_EQ(check_message(conf(), result_), "");
  const ProgramOutput refused =
      call({.verb = "DEL", .conf = with(conf(), {{"prevResult", result_}})});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.standard_output, HasSubstr("read-only file system"));
  EXPECT_EQ(ip("c1", {"link", "show", "dev", "eth0"}), Json::array());
  // The lease is what is left, and its address is nobody else's.
  EXPECT_THAT(world(), HasSubstr("10.22.0."));
  remount(0);
  del(conf(), "c1", result_);
  EXPECT_EQ(world(), empty_);
}

TEST_F(Storage, ThatIsReadOnlyIsNoMatterForDelWithoutALease) {
  del(conf(), "c1", result_);
  remount(MS_RDONLY);
  del(conf(), "c1", result_);
  del(conf(), "c2");
}

}  // namespace
}  // namespace linnet::test
