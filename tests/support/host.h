// A host of a test's own: a fresh network namespace with fresh /run, /var/lib/cni and /sys, containers that
// are named namespaces, and the plugins as they were built.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libcni/json.h"
#include "tests/support/program.h"

namespace linnet::test {

struct Call {
  std::string verb;
  std::string container = "c1";  // also the name of its namespace
  cni::Json conf;
  std::string plugin = {};  // default: the configuration's type
  std::string ifname = "eth0";
  std::string args = {};
  std::map<std::string, std::string> environment = {};  // overrides
  std::vector<std::string> wrapper = {};                // a command in front of the plugin
};

// Everything an ADD may touch, as text, one fact a line: links, addresses, routes, rules, nftables, bridge
// VLANs, sysctls of forwarding, leases. Facts that change by themselves are left out.
[[nodiscard]] std::string world();

class HostTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A network namespace /run/netns/NAME.
  void make_container(const std::string& name) const;
  void remove_container(const std::string& name) const;

  [[nodiscard]] ProgramOutput call(const Call& call) const;
  // ADD, which must succeed; its result.
  [[nodiscard]] cni::Json add(const cni::Json& conf, const std::string& container = "c1") const;
  // DEL, which must succeed, with prevResult when it is not null.
  void del(const cni::Json& conf, const std::string& container = "c1",
           const cni::Json& prev_result = {}) const;

  // The message of CHECK, empty when it passes.
  [[nodiscard]] std::string check_message(const cni::Json& conf,
                                          const cni::Json& prev_result) const;

  // world() after an ADD and DEL of c2, so that what containers share is there: a bridge and its gateway
  // address, the tables' fixed rules, forwarding.
  [[nodiscard]] std::string world_with_shared_things(const cni::Json& conf) const;

  // Makes the nth system call of a kind fail, for every n of an ADD: `state` stays as it was, whether the
  // plugin reports the failure or can do without the call. More than `reported` of them are reported. Needs
  // strace.
  void fail_each_step_of_add(const cni::Json& conf, const std::function<std::string()>& state,
                             int reported = 20,
                             const std::vector<std::string>& syscalls = {
                                 "sendto", "recvmmsg", "setns", "socket", "openat", "clone3",
                                 "flock"}) const;

  // The DEL of this build and CHECK before it understand what ADD of the reference plugin made.
  void expect_takes_over_from_reference(const cni::Json& conf,
                                        const std::function<std::string()>& state);

  // A namespace "outside" (192.0.2.9, 2001:db8::9) at the host's uplink up0 (192.0.2.1, 2001:db8::1), which
  // knows no way back to the containers.
  void make_outside() const;
  // A new link takes up to a second until the kernel notices its carrier and makes its routes of IPv6.
  static void wait_for_carrier(const std::string& name);
  // The kernel makes the route to an address of its own in IPv6 some time after the address.
  static void wait_for_local_route(const std::string& name, const std::string& destination);
  // A new pair takes a moment until it speaks IPv6 both ways.
  static void wait_for_the_outside();

  // The links of a namespace, one a line: name, hardware address, MTU, master, alias, kind, up or down. Without the operational
  // state, which the kernel settles later by itself.
  [[nodiscard]] static std::string links_of(const std::string& netns);

  // `ip -j` in a namespace ("" is the host).
  [[nodiscard]] static cni::Json ip(const std::string& netns, std::vector<std::string> arguments);
  // Whether one echo request from `netns` to `address` is answered at the first try.
  [[nodiscard]] static bool ping(const std::string& netns, const std::string& address);

  // Folder of the reference plugins; empty when they are not installed.
  [[nodiscard]] static std::string reference_folder();

  std::string plugin_path_ = LINNET_BIN_DIR;
};

}  // namespace linnet::test
