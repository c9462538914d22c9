// Sysctls of a container: what is set, in which order, and what is refused without a trace.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

// Where this program was started, and whether that is the initial namespace.
const int kFirstNamespace = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
const bool kStartedInInitial = ::access("/proc/sys/net/core/netdev_budget", F_OK) == 0;

class Sysctls : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
    }
  }

  // Of a container, "" is the host.
  [[nodiscard]] static std::string sysctl(const std::string& netns, const std::string& name) {
    std::vector<std::string> command = {"sysctl", "-n", name};
    if (!netns.empty()) {
      command.insert(command.begin(), {"ip", "netns", "exec", netns});
    }
    const std::string text = must_run(command);
    return text.substr(0, text.find_last_not_of('\n') + 1);
  }

  // Every readable sysctl below net of a container, as `sysctl` prints it.
  [[nodiscard]] static std::string all_sysctls(const std::string& netns) {
    return run_program({"ip", "netns", "exec", netns, "sysctl", "-a", "--pattern",
                        "^net\\.(core|ipv4\\.[a-z_]+ )"})
        .standard_output;
  }

  void expect_refused(const Json& changes, const std::string& words) const {
    const std::string before = world();
    const std::string inside = all_sysctls("c1");
    const ProgramOutput output = call({.verb = "ADD", .conf = with(layer2_conf(), changes)});
    EXPECT_EQ(output.exit_code, 1) << output.standard_output;
    EXPECT_THAT(output.json()["msg"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(output.json()["code"], 7);
    EXPECT_EQ(ip("c1", {"link", "show", "eth0"}).size(), 0U);
    EXPECT_EQ(all_sysctls("c1"), inside);
    // The bridge is shared, and stays.
    must_run({"sh", "-c", "ip link delete br0 2>/dev/null; true"});
    EXPECT_EQ(world(), before);
  }
};

TEST_F(Sysctls, AreSetUnderEverySpellingAndChecked) {
  const Json conf = with(bridge_conf(), {{"sysctl",
                                          {{"net.ipv4.conf.IFNAME.rp_filter", 2},
                                           {"net/ipv4/conf/eth0/log_martians", "1"},
                                           {"net.core.somaxconn", "777"},
                                           {"net.ipv4.ip_local_port_range", "20000 30000"},
                                           {"net.ipv4.ip_local_reserved_ports", "21000,21001"},
                                           {"net.ipv4.route.flush", 1}}}});
  const Json result = add(conf);
  EXPECT_EQ(sysctl("c1", "net.ipv4.conf.eth0.rp_filter"), "2");
  EXPECT_EQ(sysctl("c1", "net.ipv4.conf.eth0.log_martians"), "1");
  EXPECT_EQ(sysctl("c1", "net.core.somaxconn"), "777");
  EXPECT_EQ(sysctl("c1", "net.ipv4.ip_local_port_range"), "20000\t30000");
  const Json check = with(conf, {{"prevResult", result}});
  EXPECT_EQ(call({.verb = "CHECK", .conf = check}).exit_code, 0);
  must_run({"ip", "netns", "exec", "c1", "sysctl", "-qw", "net.core.somaxconn=5"});
  EXPECT_THAT(call({.verb = "CHECK", .conf = check}).json()["msg"].get<std::string>(),
              HasSubstr("net.core.somaxconn is \"5\", not \"777\""));
}

TEST_F(Sysctls, ReachAnInterfaceWithADotInItsName) {
  Json conf = layer2_conf();
  conf["sysctl"] = {{"net.ipv4.conf.IFNAME.rp_filter", 2},
                    {"net/ipv4/conf/eth0.100/log_martians", 1},
                    {"net.ipv4.conf.eth0/100.accept_local", 1}};
  ASSERT_EQ(call({.verb = "ADD", .conf = conf, .ifname = "eth0.100"}).exit_code, 0);
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"rp_filter", "2"}, {"log_martians", "1"}, {"accept_local", "1"}}) {
    EXPECT_EQ(sysctl("c1", "net/ipv4/conf/eth0.100/" + name), value);
  }
}

TEST_F(Sysctls, OfTheConfigurationWinOverInheritedOnesAndThoseOverTheProfile) {
  must_run({"sysctl", "-qw", "net.ipv4.tcp_keepalive_time=501", "net.ipv4.tcp_fin_timeout=42",
            "net.ipv4.tcp_syn_retries=5"});
  const Json conf =
      with(layer2_conf(),
           {{"sysctlProfile", "datacenter"},
            {"sysctlInherit", {"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout"}},
            {"sysctl", {{"net.ipv4.tcp_fin_timeout", 33}}}});
  const Json result = add(conf);
  EXPECT_EQ(sysctl("c1", "net.ipv4.tcp_fin_timeout"), "33");
  EXPECT_EQ(sysctl("c1", "net.ipv4.tcp_keepalive_time"), "501");
  EXPECT_EQ(sysctl("c1", "net.ipv4.tcp_syn_retries"), "2");
  // What the host has later is no fault of the container.
  must_run({"sysctl", "-qw", "net.ipv4.tcp_keepalive_time=502"});
  const ProgramOutput check = call({.verb = "CHECK", .conf = with(conf, {{"prevResult", result}})});
  EXPECT_EQ(check.exit_code, 0) << check.standard_output;
  EXPECT_THAT(check.standard_error, HasSubstr("tcp_keepalive_time"));
}

TEST_F(Sysctls, TakeLimitsThatDependOnEachOtherInAnyOrder) {
  const auto fragments = [](const char* high, const char* low) {
    return Json{
        {"sysctl", {{"net.ipv4.ipfrag_high_thresh", high}, {"net.ipv4.ipfrag_low_thresh", low}}}};
  };
  static_cast<void>(add(with(layer2_conf(), fragments("400000", "300000"))));
  EXPECT_EQ(sysctl("c1", "net.ipv4.ipfrag_high_thresh"), "400000");
  del(layer2_conf());
  static_cast<void>(add(with(layer2_conf(), fragments("9000000", "8000000"))));
  EXPECT_EQ(sysctl("c1", "net.ipv4.ipfrag_low_thresh"), "8000000");
}

TEST_F(Sysctls, AreRefusedWithTheReasonAndWithoutATrace) {
  const auto set = [](const std::string& name, const Json& value) {
    return Json{{"sysctl", {{"net.core.somaxconn", 555}, {name, value}}}};
  };
  expect_refused(set("kernel.shmmax", 1), "is not below net");
  expect_refused(set("net/../kernel/shmmax", 1), "\"..\"");
  expect_refused(set("net..core", 1), "empty component");
  expect_refused(set("net.netfilter.nf_hooks_lwtunnel", 1), "one value for the whole machine");
  expect_refused(set("net.ipv4.tcp_nonsense", 1), "unknown");
  expect_refused(set("net.ipv4.tcp_available_congestion_control", "x"), "read-only");
  expect_refused(set("net.ipv4.tcp_syn_retries", 999), "does not take the value \"999\"");
  expect_refused(set("net.ipv4.tcp_syn_retries", "2 3"), "the kernel makes \"2\" of it");
  expect_refused(set("net.ipv4.conf", 1), "net.ipv4.conf");
  expect_refused(set("net/core/somaxconn", 1), "duplicated sysctl keys");
  expect_refused(set("net.core.optmem_max", true), "expected a string or an integer");
  expect_refused({{"sysctlInherit", {"net.ipv4.tcp_nonsense"}}}, "the host has no such sysctl");
  expect_refused({{"sysctlInherit", {"net.ipv4.conf.IFNAME.rp_filter"}}}, "container's interface");
  expect_refused({{"sysctlProfile", "fast"}}, "known: \"datacenter\"");
}

TEST_F(Sysctls, ACongestionControlThatIsNotAllowedIsExplained) {
  std::ifstream allowed_file("/proc/sys/net/ipv4/tcp_allowed_congestion_control");
  const std::string allowed((std::istreambuf_iterator<char>(allowed_file)), {});
  std::istringstream available(sysctl("", "net.ipv4.tcp_available_congestion_control"));
  std::string restricted;
  for (std::string name; available >> name;) {
    if (allowed.find(name) == std::string::npos) {
      restricted = name;
    }
  }
  expect_refused({{"sysctl", {{"net.ipv4.tcp_congestion_control", "nonsense"}}}},
                 "there is no such algorithm, available are");
  if (restricted.empty()) {
    GTEST_SKIP() << "every congestion control of this kernel is allowed";
  }
  expect_refused({{"sysctl", {{"net.ipv4.tcp_congestion_control", restricted}}}},
                 "only an algorithm of net.ipv4.tcp_allowed_congestion_control can be set");
}

// The plugin runs in the initial namespace and only reads there: tuning refuses before it changes anything.
TEST_F(Sysctls, OfTheWholeMachineAreToldFromUnknownOnes) {
  if (!kStartedInInitial) {
    GTEST_SKIP() << "the tests were started in a namespace that lacks the machine's sysctls";
  }
  const auto refusal = [&](const std::string& name) {
    const Json conf = {{"cniVersion", "1.1.0"},
                       {"name", "n"},
                       {"type", "tuning"},
                       {"sysctl", {{name, 1}}},
                       {"prevResult", {{"cniVersion", "1.1.0"}}}};
    const ProgramOutput output =
        call({.verb = "ADD",
              .conf = conf,
              .wrapper = {"nsenter", "--net=/proc/" + std::to_string(::getpid()) + "/fd/" +
                                         std::to_string(kFirstNamespace)}});
    EXPECT_EQ(output.exit_code, 1) << name;
    return output.json()["msg"].get<std::string>();
  };
  EXPECT_THAT(refusal("net.core.netdev_budget"), HasSubstr("is not namespaced"));
  EXPECT_THAT(refusal("net.ipv4.tcp_mem"), HasSubstr("is not namespaced"));
  EXPECT_THAT(refusal("net.ipv4.tcp_nonsense"), HasSubstr("is unknown"));
  // Kernels show a new namespace a copy of it, or nothing.
  if (::access("/proc/sys/net/core/wmem_max", F_OK) != 0) {
    EXPECT_THAT(refusal("net.core.wmem_max"), HasSubstr("is not namespaced"));
  } else if (::access("/proc/sys/net/core/wmem_max", W_OK) != 0) {
    EXPECT_THAT(refusal("net.core.wmem_max"), HasSubstr("read-only copy of the machine's value"));
  }
}

// Every sysctl of a namespace gets the value that it has: what cannot be written there, or would change
// the machine, must be refused, and everything else taken.
TEST_F(Sysctls, EveryNameIsEitherTheNamespacesOwnOrRefused) {
  std::map<std::string, std::string> values;
  std::vector<std::string> closed;
  const std::string list = must_run(
      {"ip", "netns", "exec", "c1", "find", "/proc/sys/net", "-type", "f", "-printf", "%m %P\n"});
  std::istringstream lines(list);
  std::string mode;
  for (std::string name; lines >> mode >> name;) {
    const std::string path = "net/" + name;
    if (mode == "444" || name == "netfilter/nf_hooks_lwtunnel") {
      closed.push_back(path);
    } else if (mode == "644") {
      const ProgramOutput read =
          run_program({"ip", "netns", "exec", "c1", "cat", "/proc/sys/" + path});
      if (read.exit_code == 0) {
        values[path] = read.standard_output.substr(0, read.standard_output.find('\n'));
      }
    }
  }
  ASSERT_GT(values.size(), 200U);
  ASSERT_GT(closed.size(), 5U);
  const auto tune = [&](const Json& sysctls) {
    return call({.verb = "ADD",
                 .conf = {{"cniVersion", "1.1.0"},
                          {"name", "n"},
                          {"type", "tuning"},
                          {"sysctl", sysctls},
                          {"prevResult", {{"cniVersion", "1.1.0"}}}}});
  };
  const std::string host_before = must_run({"sh", "-c", "sysctl -a --pattern ^net 2>/dev/null"});
  const ProgramOutput taken = tune(values);
  EXPECT_EQ(taken.exit_code, 0) << taken.standard_output;
  for (const std::string& path : closed) {
    EXPECT_EQ(tune({{path, 1}}).exit_code, 1) << path;
  }
  EXPECT_EQ(must_run({"sh", "-c", "sysctl -a --pattern ^net 2>/dev/null"}), host_before);
}

// Prints, as JSON, another value for every sysctl with numbers that takes one; each is tried and put back.
constexpr const char* kOtherValues = R"(
import json, os
found = {}
for folder, _, files in os.walk('/proc/sys/net'):
    for path in (os.path.join(folder, file) for file in files):
        # The first changes the machine; the others change, or are changed by, names that are here too.
        if (path.endswith(('/nf_hooks_lwtunnel', '/ip_forward', '/unres_qlen', 'e_time'))
                or '/all/' in path or '/lo/' in path):
            continue
        try:
            with open(path) as file:
                old = file.read().split()
            numbers = [int(word) for word in old]
        except (OSError, ValueError):
            continue
        for step in (1, -1, 2, -2, 1000, -1000, 4096, -4096):
            new = [str(number + step) for number in numbers]
            try:
                with open(path, 'w') as file:
                    file.write(' '.join(new))
                with open(path) as file:
                    taken = new and file.read().split() == new
                with open(path, 'w') as file:
                    file.write(' '.join(old))
            except OSError:
                continue
            if taken:
                found[path.removeprefix('/proc/sys/')] = ' '.join(new)
                break
print(json.dumps(found))
)";

// Of a namespace, but for what counts something.
std::map<std::string, std::string> values_of(const std::vector<std::string>& enter) {
  std::vector<std::string> command = enter;
  command.insert(command.end(),
                 {"sh", "-c", "cd /proc/sys && grep -rsH '' net | grep -v '_count:'"});
  std::map<std::string, std::string> values;
  std::istringstream lines(run_program(command).standard_output);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    values[line.substr(0, colon)] = line.substr(colon + 1);
  }
  return values;
}

std::string single_spaced(std::string text) {
  std::ranges::replace(text, '\t', ' ');
  return text;
}

// Neither the host of the test nor the machine notices when everything that can be written has another value.
TEST_F(Sysctls, ChangeTheirNamespaceAndNothingElse) {
  make_container("c2");
  const Json others =
      Json::parse(must_run({"ip", "netns", "exec", "c2", "python3", "-c", kOtherValues}));
  ASSERT_GT(others.size(), 300U);
  const std::vector<std::string> machine = {
      "nsenter",
      "--net=/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(kFirstNamespace)};
  const auto host_before = values_of({});
  const auto machine_before = values_of(machine);
  ASSERT_GT(host_before.size(), others.size());
  ASSERT_GE(machine_before.size(), others.size());

  const ProgramOutput output = call({.verb = "ADD",
                                     .conf = {{"cniVersion", "1.1.0"},
                                              {"name", "n"},
                                              {"type", "tuning"},
                                              {"sysctl", others},
                                              {"prevResult", {{"cniVersion", "1.1.0"}}}}});
  ASSERT_EQ(output.exit_code, 0) << output.standard_output;

  auto inside = values_of({"ip", "netns", "exec", "c1"});
  for (const auto& [name, value] : others.items()) {
    EXPECT_EQ(single_spaced(inside[name]), value.get<std::string>()) << name;
  }
  EXPECT_EQ(values_of({}), host_before);
  EXPECT_EQ(values_of(machine), machine_before);
}

}  // namespace
}  // namespace linnet::test
