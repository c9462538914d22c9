// Malformed requests: the right code, a message that names what is wrong, and a world left as it was.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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
}

}  // namespace
}  // namespace linnet::test
