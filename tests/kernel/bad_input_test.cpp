// Malformed requests: the right code, a message that names what is wrong, and a world left as it was.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

class BadInput : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
    }
  }

  void expect_refused(const Call& request, int code, const std::string& text) {
    SCOPED_TRACE(text);
    const std::string before = world();
    const ProgramOutput output = call(request);
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_EQ(output.json().value("code", -1), code) << output.standard_output;
    EXPECT_THAT(output.standard_output, HasSubstr(text));
    EXPECT_EQ(world(), before);
  }
};

TEST_F(BadInput, InTheEnvironmentIsCode4) {
  const auto with_variable = [](const std::string& name, const std::string& value) {
    return Call{.verb = "ADD", .conf = bridge_conf(), .environment = {{name, value}}};
  };
  expect_refused(with_variable("CNI_COMMAND", "ATTACH"), 4, "unknown CNI_COMMAND: ATTACH");
  expect_refused(with_variable("CNI_CONTAINERID", ""), 4, "CNI_CONTAINERID");
  expect_refused(with_variable("CNI_CONTAINERID", "../../etc"), 4, "../../etc");
  expect_refused(with_variable("CNI_IFNAME", "a/b"), 4, "a/b");
  expect_refused(with_variable("CNI_IFNAME", "sixteen-letters-"), 4, "sixteen-letters-");
  expect_refused(with_variable("CNI_NETNS", "/run/netns/missing"), 4, "/run/netns/missing");
  expect_refused(with_variable("CNI_ARGS", "IP"), 4, "CNI_ARGS");
  expect_refused(with_variable("CNI_ARGS", "MAC=nonsense;IgnoreUnknown=1"), 4, "nonsense");
  expect_refused(with_variable("CNI_PATH", "/nowhere"), 4, "/nowhere");
}

TEST_F(BadInput, ANetnsThatIsNoNetworkNamespaceIsNamed) {
  std::ofstream("/run/file") << "x";
  ::mkfifo("/run/fifo", 0600);
  std::filesystem::create_directory("/run/folder");
  for (const char* path : {"/run/file", "/run/fifo", "/run/folder", "/proc/self/ns/mnt"}) {
    expect_refused({.verb = "ADD", .conf = bridge_conf(), .environment = {{"CNI_NETNS", path}}}, 4,
                   path);
  }
}

TEST_F(BadInput, ANetnsThatIsNoneLetsDelCleanUpAndGo) {
  make_container("c2");
  const std::string before = world_with_shared_things(bridge_conf());
  std::ofstream("/run/file") << "x";
  ::mkfifo("/run/fifo", 0600);
  std::filesystem::create_directory("/run/folder");
  std::filesystem::create_symlink("/run/nowhere", "/run/dangling");
  for (const char* path : {"/run/file", "/run/fifo", "/run/folder", "/run/dangling", "/run/file/x",
                           "/proc/self/ns/mnt", "/dev/zero"}) {
    SCOPED_TRACE(path);
    static_cast<void>(add(bridge_conf()));
    static_cast<void>(
        call({.verb = "DEL", .conf = bridge_conf(), .environment = {{"CNI_NETNS", path}}}));
    EXPECT_EQ(world(), before);
    del(bridge_conf());
  }
}

TEST_F(BadInput, ANetnsMayBeALinkButNotToTheNamespaceOfThePluginItself) {
  std::filesystem::create_symlink("/run/netns/c1", "/run/to-c1");
  std::filesystem::create_symlink("/proc/self/ns/net", "/run/to-self");
  const Call through_link = {
      .verb = "ADD", .conf = bridge_conf(), .environment = {{"CNI_NETNS", "/run/to-c1"}}};
  EXPECT_EQ(call(through_link).exit_code, 0);
  del(bridge_conf());
  expect_refused(
      {.verb = "ADD", .conf = bridge_conf(), .environment = {{"CNI_NETNS", "/run/to-self"}}}, 8,
      "CNI_NETNS");
}

TEST_F(BadInput, NamesNeverLeaveTheirFolder) {
  Json tuning = {{"cniVersion", "1.1.0"}, {"type", "tuning"}, {"mtu", 1400}};
  Json local = {{"cniVersion", "1.1.0"},
                {"type", "host-local"},
                {"ipam", {{"type", "host-local"}, {"subnet", "10.1.0.0/24"}}}};
  tuning["prevResult"] = {{"cniVersion", "1.1.0"}, {"interfaces", Json::array()}};
  for (const Json& conf : {bridge_conf(), tuning, local}) {
    SCOPED_TRACE(conf["type"].dump());
    for (const char* verb : {"ADD", "DEL"}) {
      for (const char* name : {"..", "../../etc/x", "a/../b", "a/b", "/etc", "a\nb", "-x", ".x"}) {
        expect_refused({.verb = verb,
                        .conf = with(conf, {{"name", "net1"}}),
                        .environment = {{"CNI_CONTAINERID", name}}},
                       4, "CNI_CONTAINERID");
        expect_refused({.verb = verb, .conf = with(conf, {{"name", name}})}, 7, "name");
      }
      for (const char* name : {"..", ".", "a/b", "a:b", "a b", "../eth0", "a\tb"}) {
        expect_refused({.verb = verb,
                        .conf = with(conf, {{"name", "net1"}}),
                        .environment = {{"CNI_IFNAME", name}}},
                       4, "CNI_IFNAME");
      }
    }
  }
}

TEST_F(BadInput, TheNamespaceOfThePluginItselfIsCode8) {
  expect_refused(
      {.verb = "ADD", .conf = bridge_conf(), .environment = {{"CNI_NETNS", "/proc/self/ns/net"}}},
      8, "CNI_NETNS");
  expect_refused(
      {.verb = "DEL", .conf = bridge_conf(), .environment = {{"CNI_NETNS", "/proc/self/ns/net"}}},
      8, "CNI_NETNS");
}

TEST_F(BadInput, InTheConfigurationNamesKeyAndValue) {
  // The bridge is there already: it is shared, and an ADD that its IPAM plugin refuses leaves it.
  del(bridge_conf(), "c1", add(bridge_conf()));
  const auto conf = [](const Json& changes) {
    return Call{.verb = "ADD", .conf = with(bridge_conf(), changes)};
  };
  expect_refused(conf({{"name", ""}}), 7, "name");
  expect_refused(conf({{"name", "../net"}}), 7, "../net");
  expect_refused(conf({{"cniVersion", "9.9.9"}}), 1, "9.9.9");
  expect_refused(conf({{"mtu", "1500"}}), 7, "mtu");
  expect_refused(conf({{"ipam", {{"type", "../host-local"}}}}), 7, "../host-local");
  expect_refused(conf({{"ipam", {{"type", "host-local"}, {"subnet", "10.1.0.1/24"}}}}), 7,
                 "10.1.0.");
  expect_refused(
      conf({{"ipam", {{"type", "host-local"}, {"dataDir", "../x"}, {"subnet", "10.1.0.0/24"}}}}), 7,
      "dataDir");
  expect_refused({.verb = "CHECK", .conf = bridge_conf()}, 7, "prevResult");
  expect_refused({.verb = "CHECK",
                  .conf = with(bridge_conf(), {{"prevResult", {{"ips", {{{"address", "x"}}}}}}})},
                 6, "prevResult");
}

TEST_F(BadInput, ThatIsNoJsonIsCode6) {
  const std::map<std::string, std::string> environment = {{"CNI_COMMAND", "ADD"},
                                                          {"CNI_CONTAINERID", "c1"},
                                                          {"CNI_IFNAME", "eth0"},
                                                          {"CNI_NETNS", "/run/netns/c1"},
                                                          {"CNI_PATH", plugin_path_}};
  for (const std::string& text : {std::string(), std::string("{"), std::string("[1]"),
                                  std::string("{\"name\": \"\xff\"}"), std::string(100000, '[')}) {
    const ProgramOutput output = run_program({plugin_path_ + "/bridge"}, text, environment);
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_EQ(output.json().value("code", -1), 6) << output.standard_output.substr(0, 300);
  }
}

TEST_F(BadInput, OfManyMegabytesIsReadInBoundedMemoryOrRefused) {
  const std::map<std::string, std::string> environment = {{"CNI_COMMAND", "ADD"},
                                                          {"CNI_CONTAINERID", "c1"},
                                                          {"CNI_IFNAME", "eth0"},
                                                          {"CNI_NETNS", "/run/netns/c1"},
                                                          {"CNI_PATH", plugin_path_}};
  constexpr std::size_t kLimit = std::size_t{16} << 20U;
  std::string values = "[0";
  std::string keys = "{\"\":0";
  while (values.size() < kLimit - 4) {
    values += ",0";
  }
  for (int i = 0; keys.size() < kLimit - 16; ++i) {
    keys += ",\"" + std::to_string(i) + "\":0";
  }
  for (const std::string& text : {values + "]", keys + "}", std::string(kLimit + 1, ' ')}) {
    // A sanitizer's shadow memory is more than any limit.
    std::vector<std::string> command = {plugin_path_ + "/bridge"};
#if !defined(__SANITIZE_ADDRESS__)
    command.insert(command.begin(), {"prlimit", "--as=4000000000"});
#endif
    const ProgramOutput output = run_program(command, text, environment);
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_GT(output.json().value("code", -1), 0) << text.substr(0, 40) << output.standard_error;
    EXPECT_LT(output.standard_output.size(), 2000U);
  }
}

// As Go's parser, which the runtimes have.
TEST_F(BadInput, OfTwoEqualKeysTheLastOneCounts) {
  std::string text = with(layer2_conf(), {{"mtu", 1400}}).dump();
  text.insert(text.size() - 1, ",\"mtu\":1300");
  const ProgramOutput output = run_program({plugin_path_ + "/bridge"}, text,
                                           {{"CNI_COMMAND", "ADD"},
                                            {"CNI_CONTAINERID", "c1"},
                                            {"CNI_IFNAME", "eth0"},
                                            {"CNI_NETNS", "/run/netns/c1"},
                                            {"CNI_PATH", plugin_path_}});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output;
  EXPECT_EQ(ip("c1", {"link", "show", "dev", "eth0"})[0]["mtu"], 1300);
}

TEST_F(BadInput, ADelegateGetsItsThreeStreamsAndNoOtherDescriptor) {
  std::filesystem::create_directory("/run/plugins");
  std::filesystem::create_symlink(plugin_path_ + "/bridge", "/run/plugins/bridge");
  std::ofstream("/run/plugins/lister") << "#!/bin/sh\nls /proc/$$/fd > /run/descriptors\nexit 1\n";
  std::filesystem::permissions("/run/plugins/lister", std::filesystem::perms::owner_all);
  const Call request = {.verb = "ADD",
                        .conf = with(bridge_conf(), {{"ipam", {{"type", "lister"}}}}),
                        .environment = {{"CNI_PATH", "/run/plugins"}},
                        .wrapper = {"sh", "-c", "exec 7</dev/null 8>/run/log; exec \"$0\""}};
  EXPECT_EQ(call(request).exit_code, 1);
  std::ifstream list("/run/descriptors");
  std::set<int> descriptors;
  for (int fd = 0; list >> fd;) {
    descriptors.insert(fd);
  }
  // The shell itself has the script open, at 10 or above.
  std::erase_if(descriptors, [](int fd) { return fd >= 10; });
  EXPECT_EQ(descriptors, (std::set<int>{0, 1, 2}));
}

TEST_F(BadInput, NothingIsWritableForOthersWhateverTheUmask) {
  for (const char* umask : {"0", "0777"}) {
    SCOPED_TRACE(umask);
    std::filesystem::remove_all("/var/lib/cni/networks");
    const Json conf = dual_stack_conf();
    const ProgramOutput output =
        call({.verb = "ADD",
              .conf = conf,
              .wrapper = {"sh", "-c", std::string("umask ") + umask + "; exec \"$0\""}});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    EXPECT_EQ(must_run({"find", "/var/lib/cni/networks", "-perm", "/022"}), "");
    del(conf, "c1", output.json());
  }
}

TEST_F(BadInput, LinksPlantedInAStoreAreNotFollowed) {
  static_cast<void>(add(bridge_conf()));
  del(bridge_conf());
  std::ofstream("/run/victim") << "precious";
  const std::string store = "/var/lib/cni/networks/net1/";
  for (const char* name :
       {"10.22.0.2", "10.22.0.3", "last_reserved_ip.0", ".linnet-index", ".linnet-new", "lock"}) {
    SCOPED_TRACE(name);
    std::filesystem::remove(store + name);
    std::filesystem::create_symlink("/run/victim", store + name);
    const ProgramOutput output = call({.verb = "ADD", .conf = bridge_conf()});
    const ProgramOutput removed = call({.verb = "DEL", .conf = bridge_conf()});
    // Without a lock nothing can be done.
    EXPECT_EQ(output.exit_code, std::string(name) == "lock" ? 1 : 0) << output.standard_output;
    EXPECT_EQ(removed.exit_code, output.exit_code) << removed.standard_output;
    std::ifstream victim("/run/victim");
    std::string content;
    victim >> content;
    EXPECT_EQ(content, "precious");
  }
}

TEST_F(BadInput, AFullStdoutIsAnErrorAndNotSilence) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const ProgramOutput output = run_program({"sh", "-c", plugin_path_ + "/bridge > /dev/full"}, "",
                                           {{"CNI_COMMAND", "VERSION"}});
  ::close(full);
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_NE(output.standard_error, "");
}

TEST_F(BadInput, WithoutPrivilegesSaysWhatWasNotAllowed) {
  const Call unprivileged = {.verb = "ADD",
                             .conf = layer2_conf(),
                             .wrapper = {"setpriv", "--reuid=65534", "--clear-groups"}};
  const ProgramOutput output = call(unprivileged);
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_output, HasSubstr("not permitted"));
  for (const char* type : {"bridge", "ptp", "portmap", "firewall"}) {
    SCOPED_TRACE(type);
    for (const char* verb : {"DEL", "GC"}) {
      Call refused = {.verb = verb,
                      .conf = with(layer2_conf(), {{"type", type}}),
                      .wrapper = {"timeout", "60", "setpriv", "--reuid=65534", "--clear-groups"}};
      const ProgramOutput answer = call(refused);
      EXPECT_EQ(answer.exit_code, 1) << verb;
      EXPECT_THAT(answer.standard_output, HasSubstr("not permitted")) << verb;
    }
  }
}

}  // namespace
}  // namespace linnet::test
