// What a plugin may do while it runs, and what the programs may that it executes.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "base/file.h"
#include "base/text.h"
#include "tests/faults/tracer.h"
#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;

constexpr std::array<std::pair<std::string_view, unsigned>, 6> kNames = {
    {{"NET_ADMIN", CAP_NET_ADMIN},
     {"SYS_ADMIN", CAP_SYS_ADMIN},
     {"SYS_PTRACE", CAP_SYS_PTRACE},
     {"DAC_OVERRIDE", CAP_DAC_OVERRIDE},
     {"DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
     {"FOWNER", CAP_FOWNER}}};

std::uint64_t bit_of(std::string_view name) {
  for (const auto& [known, number] : kNames) {
    if (known == name) {
      return std::uint64_t{1} << number;
    }
  }
  EXPECT_EQ(name, "none");
  return 0;
}

std::string page_of(const std::string& plugin) {
  for (const char* folder : {"", "ipam/", "meta/"}) {
    const std::string path = concat(LINNET_SOURCE_DIR, "/plugins/", folder, plugin, "/README.md");
    if (const std::optional<std::string> page = find_file(path, 1U << 20U)) {
      return *page;
    }
  }
  return "";
}

// The set that the manual page of a plugin promises for a verb, as /proc/PID/status writes it.
std::string promised(const std::string& plugin, const std::string& verb) {
  constexpr std::string_view kLine = "\nCapabilities: ";
  constexpr std::string_view kStatus = "for STATUS also ";
  const std::string page = page_of(plugin);
  const std::size_t at = page.find(kLine);
  if (at == std::string::npos) {
    return "no line about capabilities in its page";
  }
  const std::size_t begin = at + kLine.size();
  std::uint64_t bits = 0;
  for (const std::string& item : split(page.substr(begin, page.find(" (", begin) - begin), ',')) {
    std::string_view name = trim(item);
    const bool of_status = name.starts_with(kStatus);
    name.remove_prefix(of_status ? kStatus.size() : 0);
    bits |= !of_status || verb == "STATUS" ? bit_of(name) : 0;
  }
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016lx", bits);
  return text.data();
}

struct Status {
  std::string effective;
  std::string permitted;
  std::string bounding;
  std::string ambient;
  std::string no_new_privileges;
};

Status read_status(std::istream& lines) {
  std::map<std::string, std::string> fields;
  for (std::string key, line; lines >> key && std::getline(lines, line);) {
    fields[key] = trim(line);
  }
  return {fields["CapEff:"], fields["CapPrm:"], fields["CapBnd:"], fields["CapAmb:"],
          fields["NoNewPrivs:"]};
}

Status status_of(const std::string& process) {
  std::ifstream file(concat("/proc/", process, "/status"));
  return read_status(file);
}

class PluginPrivileges : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
      std::filesystem::create_directory("/run/plugins");
      std::filesystem::create_symlink(plugin_path_ + "/bridge", "/run/plugins/bridge");
      std::ofstream("/run/plugins/reporter") << "#!/bin/sh\ncat /proc/$$/status >&2\nexit 1\n";
      std::filesystem::permissions("/run/plugins/reporter", std::filesystem::perms(0755));
    }
  }

  // Of the plugin when it begins to read its configuration, and when it ends.
  [[nodiscard]] std::pair<Status, Status> while_it_runs(const std::string& plugin,
                                                        const std::string& verb) const {
    const Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", plugin}};
    std::pair<Status, Status> seen;
    const TracedRun run = run_traced(
        {.arguments = {concat(plugin_path_, "/", plugin)},
         .input = conf.dump(),
         .environment = {{"CNI_COMMAND", verb},
                         {"CNI_CONTAINERID", "c1"},
                         {"CNI_NETNS", "/run/netns/c1"},
                         {"CNI_IFNAME", "eth0"},
                         {"CNI_PATH", plugin_path_}}},
        [&](const SystemCall& call) {
          const bool reads = call.number == SYS_read || call.number == SYS_readv;
          if (reads && call.arguments[0] == STDIN_FILENO && seen.first.effective.empty()) {
            seen.first = status_of(std::to_string(call.thread));
          } else if (call.number == SYS_exit_group) {
            seen.second = status_of(std::to_string(call.thread));
          }
          return Interference{};
        });
    EXPECT_EQ(run.output.standard_error.find("keeps capabilities"), std::string::npos);
    return seen;
  }

  // Of an IPAM plugin that bridge executes.
  [[nodiscard]] Status of_a_delegate(const std::vector<std::string>& wrapper) const {
    const ProgramOutput output =
        call({.verb = "ADD",
              .conf = with(bridge_conf(), {{"ipam", {{"type", "reporter"}}}}),
              .environment = {{"CNI_PATH", "/run/plugins"}},
              .wrapper = wrapper});
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    std::istringstream lines(output.standard_error);
    return read_status(lines);
  }
};

TEST_F(PluginPrivileges, AreThoseOfItsPageBeforeItReadsAnything) {
  const Status own = status_of("self");
  std::size_t plugins = 0;
  for (const auto& entry : std::filesystem::directory_iterator(plugin_path_)) {
    if (!entry.is_symlink()) {
      continue;
    }
    const std::string plugin = entry.path().filename();
    SCOPED_TRACE(plugin);
    for (const char* verb : {"ADD", "DEL", "CHECK", "GC", "STATUS"}) {
      const auto& [reading, ending] = while_it_runs(plugin, verb);
      EXPECT_EQ(reading.effective, promised(plugin, verb)) << verb;
      for (const Status& status : {reading, ending}) {
        EXPECT_EQ(status.effective, reading.effective);
        EXPECT_EQ(status.permitted, reading.effective);
        EXPECT_EQ(status.bounding, own.bounding);
      }
    }
    ++plugins;
  }
  EXPECT_GE(plugins, 17U);
}

TEST_F(PluginPrivileges, CannotGrowWhereAPluginExecutesNothing) {
  for (const char* plugin :
       {"host-local", "static", "loopback", "bandwidth", "portmap", "sbr", "tuning", "vrf"}) {
    EXPECT_EQ(while_it_runs(plugin, "CHECK").first.no_new_privileges, "1") << plugin;
  }
}

TEST_F(PluginPrivileges, OfWhatItExecutesAreThoseThatItWasStartedWith) {
  const Status own = status_of("self");
  const Status delegate = of_a_delegate({});
  EXPECT_EQ(delegate.effective, own.effective);
  EXPECT_EQ(delegate.permitted, own.permitted);
  EXPECT_EQ(delegate.no_new_privileges, "0");
  // Capabilities that a runtime without root hands on: 12, 13 and 21.
  const char* names = "+net_admin,+net_raw,+sys_admin";
  const Status other = of_a_delegate(
      {"setpriv", "--reuid=65534", "--clear-groups", "--inh-caps", names, "--ambient-caps", names});
  EXPECT_EQ(other.effective, "0000000000203000");
  EXPECT_EQ(other.ambient, "0000000000203000");
}

TEST_F(PluginPrivileges, ReachAStoreOfAnotherUser) {
  std::filesystem::create_directories("/run/other/leases/net1");
  must_run({"chown", "-R", "65534", "/run/other"});
  must_run({"chmod", "-R", "0700", "/run/other"});
  const Json ipam = with(bridge_conf()["ipam"], {{"dataDir", "/run/other/leases"}});
  for (const char* plugin : {"host-local", "bridge"}) {
    SCOPED_TRACE(plugin);
    const Json conf = with(bridge_conf(), {{"type", plugin}, {"ipam", ipam}});
    for (const char* verb : {"ADD", "DEL"}) {
      const ProgramOutput output = call({.verb = verb, .conf = conf});
      EXPECT_EQ(output.exit_code, 0) << output.standard_output;
      EXPECT_EQ(output.standard_error, "");
    }
  }
}

}  // namespace
}  // namespace linnet::test
