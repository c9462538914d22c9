// dummy. Needs a kernel with dummy interfaces.
#include <gmock/gmock.h>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

Json dummy_conf() {
  return Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net1", "type": "dummy",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.23.0.0/24"}], [{"subnet": "fd23::/64"}]],
             "routes": [{"dst": "10.41.0.0/16"}]}})");
}

bool kernel_has_dummy() {
  const bool able = run_program({"ip", "link", "add", "probe0", "type", "dummy"}).exit_code == 0;
  static_cast<void>(run_program({"ip", "link", "delete", "probe0"}));
  return able;
}

class Dummy : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    if (!kernel_has_dummy()) {
      GTEST_SKIP() << "needs a kernel with dummy interfaces (CONFIG_DUMMY)";
    }
    make_container("c1");
    // What a host sends to itself passes there.
    must_run({"ip", "-n", "c1", "link", "set", "lo", "up"});
  }
  [[nodiscard]] static std::string everything() { return world() + links_of("c1"); }
};

TEST_F(Dummy, CarriesItsAddressesAndDelLeavesTheWorldAsItWas) {
  // Of no interest to the container.
  must_run({"ip", "link", "add", "eth0", "type", "dummy"});
  const std::string before = everything();
  const Json result = add(dummy_conf());
  const Json link = ip("c1", {"link", "show", "eth0"})[0];
  EXPECT_EQ(link["linkinfo"]["info_kind"], "dummy");
  EXPECT_EQ(result["interfaces"][0]["mac"], link["address"]);
  EXPECT_EQ(result["ips"][1]["address"], "fd23::2/64");
  EXPECT_TRUE(ping("c1", "10.23.0.2"));
  EXPECT_TRUE(ping("c1", "fd23::2"));
  EXPECT_EQ(check_message(dummy_conf(), result), "");
  for (int i = 0; i < 2; ++i) {
    del(dummy_conf(), "c1", result);
    EXPECT_EQ(everything(), before);
  }
  static_cast<void>(add(dummy_conf()));
  remove_container("c1");
  del(dummy_conf());
  EXPECT_THAT(world(), Not(HasSubstr("file ")));
}

TEST_F(Dummy, CheckNamesWhatIsGone) {
  const Json result = add(dummy_conf());
  must_run({"ip", "-n", "c1", "route", "delete", "10.41.0.0/16"});
  EXPECT_THAT(check_message(dummy_conf(), result), HasSubstr("lacks the route to 10.41.0.0/16"));
  must_run({"ip", "-n", "c1", "link", "delete", "eth0"});
  EXPECT_THAT(check_message(dummy_conf(), result), HasSubstr("eth0 is not in the container"));
  must_run({"ip", "-n", "c1", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9"});
  EXPECT_THAT(check_message(dummy_conf(), result), HasSubstr("eth0 is no dummy"));
  const ProgramOutput taken = call({.verb = "ADD", .conf = dummy_conf()});
  EXPECT_EQ(taken.json()["code"], 4);
}

// Runs on every kernel: what is right depends on what it can.
class DummyStatus : public HostTest {};

TEST_F(DummyStatus, SaysWhetherTheKernelHasDummiesAndAFailedAddLeavesNothing) {
  make_container("c1");
  const std::string before = world();
  const bool able = kernel_has_dummy();
  EXPECT_EQ(call({.verb = "STATUS", .conf = dummy_conf()}).exit_code, able ? 0 : 1);
  Json unaddressed = dummy_conf();
  unaddressed.erase("ipam");
  EXPECT_THAT(call({.verb = "ADD", .conf = unaddressed}).standard_output,
              HasSubstr("dummy interface requires an IPAM configuration"));
  if (!able) {
    EXPECT_EQ(call({.verb = "STATUS", .conf = dummy_conf()}).json()["code"], 50);
    EXPECT_THAT(call({.verb = "ADD", .conf = dummy_conf()}).standard_output,
                HasSubstr("create dummy eth0"));
    del(dummy_conf());
  }
  EXPECT_EQ(world(), before);
}

}  // namespace
}  // namespace linnet::test
