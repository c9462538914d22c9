// tap: the device, frames through it, and that nothing of it stays.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

Json tap_conf() {
  return Json::parse(R"({
    "cniVersion": "1.1.0", "name": "net1", "type": "tap",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.27.0.0/24"}], [{"subnet": "fd27::/64"}]],
             "routes": [{"dst": "10.40.0.0/16"}]}})");
}

class Tap : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
    }
  }

  [[nodiscard]] static Json link() { return ip("c1", {"link", "show", "eth0"})[0]; }
  [[nodiscard]] static Json tun() { return link()["linkinfo"]["info_data"]; }
  [[nodiscard]] static std::string everything() { return world() + links_of("c1"); }
  void expect_refused(const Json& conf, int code, const std::string& words) const {
    const std::string before = everything();
    const ProgramOutput output = call({.verb = "ADD", .conf = conf});
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    EXPECT_EQ(output.json()["code"], code) << output.standard_output;
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(everything(), before);
  }
  // The device as a virtual machine monitor in the container opens it.
  [[nodiscard]] static UniqueFd open_tap(int more_flags) {
    UniqueFd tap;
    std::thread([&] {
      const UniqueFd netns(::open("/run/netns/c1", O_RDONLY | O_CLOEXEC));
      ASSERT_EQ(::setns(netns.get(), CLONE_NEWNET), 0);
      UniqueFd device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
      ifreq request{};
      std::string("eth0").copy(request.ifr_name, IFNAMSIZ - 1);
      request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | more_flags);
      ASSERT_EQ(::ioctl(device.get(), TUNSETIFF, &request), 0);
      tap = std::move(device);
    }).join();
    return tap;
  }
};

TEST_F(Tap, ThePersistentDeviceCarriesFrames) {
  const Json result = add(tap_conf());
  EXPECT_EQ(tun()["type"], "tap");
  EXPECT_EQ(tun()["persist"], true);
  EXPECT_EQ(tun()["vnet_hdr"], true);
  EXPECT_EQ(tun()["pi"], false);
  EXPECT_EQ(tun()["multi_queue"], false);
  EXPECT_EQ(result["interfaces"].size(), 1U);
  EXPECT_EQ(result["interfaces"][0]["mac"], link()["address"]);
  EXPECT_EQ(result["interfaces"][0]["sandbox"], "/run/netns/c1");
  EXPECT_EQ(result["ips"][0]["address"], "10.27.0.2/24");
  EXPECT_EQ(check_message(tap_conf(), result), "");
  const UniqueFd tap = open_tap(0);
  std::jthread pinging([] {
    static_cast<void>(
        run_program({"ip", "netns", "exec", "c1", "ping", "-nc1", "-W1", "10.27.0.77"}));
  });
  // Behind ten bytes of virtio header: Ethernet, then ARP, whose target is in its last four bytes.
  std::array<unsigned char, 2048> frame{};
  bool asked = false;
  for (pollfd waiter{tap.get(), POLLIN, 0}; !asked && ::poll(&waiter, 1, 3000) == 1;) {
    const ssize_t size = ::read(tap.get(), frame.data(), frame.size());
    asked = size >= 52 && frame[22] == 0x08 && frame[23] == 0x06 && frame[51] == 77;
  }
  EXPECT_TRUE(asked);
}

TEST_F(Tap, EveryKeyIsSeenInTheKernel) {
  must_run({"ip", "-n", "c1", "link", "add", "br7", "type", "bridge"});
  const Json conf = with(tap_conf(), {{"multiQueue", true},
                                      {"mtu", 1300},
                                      {"mac", "02:00:00:00:00:aa"},
                                      {"owner", 107},
                                      {"group", 36},
                                      {"bridge", "br7"}});
  const Json result = add(conf);
  EXPECT_EQ(tun()["multi_queue"], true);
  const auto attribute = [](const std::string& name) {
    return must_run({"ip", "netns", "exec", "c1", "cat", "/sys/class/net/eth0/" + name});
  };
  EXPECT_EQ(attribute("owner"), "107\n");
  EXPECT_EQ(attribute("group"), "36\n");
  EXPECT_EQ(link()["mtu"], 1300);
  EXPECT_EQ(link()["address"], "02:00:00:00:00:aa");
  EXPECT_EQ(link()["master"], "br7");
  EXPECT_EQ(check_message(conf, result), "");
  const UniqueFd first = open_tap(IFF_MULTI_QUEUE);
  const UniqueFd second = open_tap(IFF_MULTI_QUEUE);
  EXPECT_THAT(check_message(with(conf, {{"owner", 108}}), result), HasSubstr("another user"));
  EXPECT_THAT(check_message(with(conf, {{"group", 37}}), result), HasSubstr("another user"));
  EXPECT_THAT(check_message(with(conf, {{"multiQueue", false}}), result), HasSubstr("one queue"));
}

TEST_F(Tap, DelLeavesTheWorldAsItWas) {
  Json layer2 = tap_conf();
  layer2.erase("ipam");
  for (const Json& conf : {tap_conf(), layer2}) {
    const std::string before = everything();
    const Json result = add(conf);
    EXPECT_NE(everything(), before);
    del(conf, "c1", result);
    EXPECT_EQ(everything(), before);
    del(conf, "c1", result);
    EXPECT_EQ(everything(), before);
  }
  const std::string before = world();
  static_cast<void>(add(tap_conf()));
  remove_container("c1");
  del(with(tap_conf(), {{"mtu", "wide"}, {"owner", "me"}}));
  EXPECT_EQ(world(), before);
}

TEST_F(Tap, WhatCannotBeMadeIsAnErrorAndNothingStays) {
  expect_refused(with(tap_conf(), {{"bridge", "br7"}}), 7, "the container has no bridge \"br7\"");
  expect_refused(with(tap_conf(), {{"bridge", "lo"}}), 7,
                 "the container has no bridge \"lo\", that is a hardware device");
  must_run({"ip", "-n", "c1", "link", "add", "veth7", "type", "veth", "peer", "name", "veth8"});
  expect_refused(with(tap_conf(), {{"bridge", "veth7"}}), 7,
                 "the container has no bridge \"veth7\", that is veth: a plugin before this one");
  expect_refused(with(tap_conf(), {{"mtu", 65535}, {"bridge", ""}, {"mac", "x"}}), 7, "\"mac\"");
  must_run({"ip", "-n", "c1", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9"});
  expect_refused(tap_conf(), 4, "\"eth0\" already exists in the container");
  const std::string before = everything();
  del(tap_conf());
  EXPECT_EQ(everything(), before);
}

TEST_F(Tap, AContextThatSelinuxDoesNotKnowIsAnErrorAndNothingStays) {
  expect_refused(with(tap_conf(), {{"selinuxContext", "no_u:such_r:thing_t:s0"}}), 999,
                 "SELinux context \"no_u:such_r:thing_t:s0\"");
}

// What the plugin executes for a context, without one.
TEST_F(Tap, TheExecutableMakesADeviceForItself) {
  const std::string tap = plugin_path_ + "/tap";
  must_run({"ip", "netns", "exec", "c1", tap, "--make-tap", "eth0", "multi", "7", "-"});
  EXPECT_EQ(tun()["persist"], true);
  EXPECT_EQ(tun()["multi_queue"], true);
  const ProgramOutput again =
      run_program({"ip", "netns", "exec", "c1", tap, "--make-tap", "eth0", "multi", "7", "-"});
  EXPECT_NE(again.exit_code, 0);
  EXPECT_THAT(again.standard_error, HasSubstr("create tap eth0"));
  EXPECT_NE(run_program({tap, "--make-tap", "eth0", "multi", "x", "-"}).exit_code, 0);
}

TEST_F(Tap, AFailureAtAnyStepOfAddLeavesNothingBehind) {
  if (!has_program("strace")) {
    GTEST_SKIP() << "needs strace, to make system calls fail";
  }
  fail_each_step_of_add(tap_conf(), everything, 8, {"sendto", "recvmmsg", "setns", "ioctl"});
}

TEST_F(Tap, CheckNamesEachDrift) {
  const Json conf = with(tap_conf(), {{"mtu", 1300}});
  const Json result = add(conf);
  const std::vector<std::pair<std::vector<std::string>, std::string>> changes = {
      {{"route", "delete", "10.40.0.0/16"}, "lacks the route to 10.40.0.0/16"},
      {{"link", "set", "eth0", "mtu", "1200"}, "has MTU 1200, not 1300"},
      {{"link", "set", "eth0", "down"}, "eth0 is down"},
      {{"link", "delete", "eth0"}, "eth0 is not in the container"},
      {{"link", "add", "eth0", "type", "veth", "peer", "name", "eth9"}, "eth0 is no tun"}};
  for (auto [command, words] : changes) {
    command.insert(command.begin(), {"ip", "-n", "c1"});
    must_run(command);
    EXPECT_THAT(check_message(conf, result), HasSubstr(words));
  }
}

TEST_F(Tap, CheckNamesABridgeThatWasLeftAndADeviceThatIsNotOurs) {
  must_run({"ip", "-n", "c1", "link", "add", "br7", "type", "bridge"});
  const Json conf = with(tap_conf(), {{"bridge", "br7"}});
  const Json result = add(conf);
  EXPECT_EQ(check_message(conf, result), "");
  must_run({"ip", "-n", "c1", "link", "set", "eth0", "nomaster"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("eth0 is no port of bridge br7"));
  must_run({"ip", "-n", "c1", "link", "delete", "br7"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("eth0 is no port of bridge br7"));
  must_run({"ip", "-n", "c1", "link", "delete", "eth0"});
  must_run({"ip", "-n", "c1", "tuntap", "add", "eth0", "mode", "tun"});
  EXPECT_THAT(check_message(conf, result), HasSubstr("eth0 is no persistent tap with one queue"));
  remove_container("c1");
  EXPECT_THAT(check_message(conf, result),
              HasSubstr("CNI_NETNS: there is no network namespace at /run/netns/c1"));
}

TEST_F(Tap, GcAndStatusAskIpam) {
  Json conf = tap_conf();
  conf["ipam"]["ranges"] = Json::parse(R"([[{"subnet": "10.27.0.0/30"}]])");
  conf["ipam"]["routes"] = Json::array();
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf}).exit_code, 0);
  static_cast<void>(add(conf));
  EXPECT_EQ(call({.verb = "STATUS", .conf = conf}).json()["code"], 50);
  conf["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  const std::string attached = everything();
  EXPECT_EQ(call({.verb = "GC", .conf = conf}).exit_code, 0);
  EXPECT_EQ(everything(), attached);
  conf["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(call({.verb = "GC", .conf = conf}).exit_code, 0);
  EXPECT_THAT(world(), Not(HasSubstr("file ")));
  EXPECT_TRUE(ip("c1", {"link", "show", "dev", "eth0"}).empty()) << "its address is free";
}

// The kernel gives the number of a namespace that ended to a later one.
TEST_F(Tap, GcTakesNothingFromANamespaceThatHasTheNumberOfOneThatIsGone) {
  make_container("c2");
  static_cast<void>(add(tap_conf()));
  must_run({"ip", "-n", "c1", "tuntap", "add", "tap7", "mode", "tap"});
  const std::string one = everything();
  const Json gone = add(tap_conf(), "c2");
  remove_container("c2");
  struct stat netns {};
  ASSERT_EQ(::stat("/run/netns/c1", &netns), 0);
  const std::string mark =
      concat(trim(read_file("/proc/sys/kernel/random/boot_id", 64)), " ", netns.st_ino);
  for (const Json& ip : gone["ips"]) {
    const std::string address = ip["address"];
    const std::string lease =
        concat("/var/lib/cni/networks/net1/", address.substr(0, address.find('/')));
    ASSERT_EQ(::setxattr(lease.c_str(), "user.linnet", mark.data(), mark.size(), XATTR_REPLACE), 0);
  }
  const Json gc = with(
      tap_conf(), {{"cni.dev/valid-attachments", {{{"containerID", "c1"}, {"ifname", "eth0"}}}}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(everything(), one);
}

}  // namespace
}  // namespace linnet::test
