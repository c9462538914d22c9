#include "tests/faults/attachment_world.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/text.h"
#include "tests/kernel/bridge_conf.h"

namespace linnet::test {

namespace {

namespace fs = std::filesystem;
using cni::Json;

constexpr const char* kContainer = "c1";

// What poll(2) returns then.
constexpr int kTimeIsUp = 0;

// A plugin that no decision is about.
constexpr std::size_t kNone = SIZE_MAX;

// Every file but named namespaces and what docs/host-local-store.md says may stay of the index.
void append_files(const fs::path& root, std::string& text) {
  std::set<std::string> facts;
  for (auto entry = fs::recursive_directory_iterator(root);
       entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename();
    if (entry->path() == "/run/netns") {
      entry.disable_recursion_pending();
      continue;
    }
    if (name.starts_with(".linnet") || entry->is_directory()) {
      continue;
    }
    std::ifstream file(entry->path());
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    facts.insert(concat("file ", entry->path().string(), " ", linnet::quoted(content), "\n"));
  }
  for (const std::string& fact : facts) {
    text += fact;
  }
}

std::set<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.insert(line);
  }
  return lines;
}

// What differs, with - for what is missing and + for what is new.
std::string compare(const std::string& before, const std::string& after) {
  const std::set<std::string> old_lines = lines_of(before);
  const std::set<std::string> new_lines = lines_of(after);
  std::string text;
  for (const std::string& line : old_lines) {
    text += new_lines.contains(line) ? "" : concat("- ", line, "\n");
  }
  for (const std::string& line : new_lines) {
    text += old_lines.contains(line) ? "" : concat("+ ", line, "\n");
  }
  return text;
}

// Without what the kernel adds or changes by itself later: link-local addresses and their routes, the state of
// the carrier, lifetimes; and without indices, which are never given twice.
std::string settled(const std::string& line) {
  for (const char* word : {"fe80:", "ff00::", "valid_lft"}) {
    if (line.find(word) != std::string::npos) {
      return {};
    }
  }
  static const std::regex changing(
      R"(^\d+: |@if\d+| state [A-Z]+|NO-CARRIER,|,LOWER_UP|,M-DOWN| linkdown)");
  return std::regex_replace(line, changing, "");
}

void append_settled(const std::string& where, const std::string& output, std::string& text) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (const std::string fact = settled(std::string(trim(line))); !fact.empty()) {
      text += concat(where, fact, "\n");
    }
  }
}

// Links, addresses, routes and rules; of the host when the name is empty.
std::string namespace_snapshot(const std::string& name) {
  std::string text;
  for (const auto& [family, questions] :
       // Addresses of every family where none is named; of routes and rules that is IPv4.
       {std::pair("", "addr show\nroute show table all\nrule show\n"),
        std::pair("-6", "route show table all\nrule show\n")}) {
    std::vector<std::string> command = {"ip", "-batch", "-"};
    if (!name.empty()) {
      command.insert(command.begin() + 1, {"-n", name});
    }
    if (*family != '\0') {
      command.insert(command.begin() + 1, family);
    }
    const ProgramOutput output = run_program(command, questions);
    EXPECT_EQ(output.exit_code, 0) << output.standard_error;
    append_settled(name + " ", output.standard_output, text);
  }
  return text;
}

// What the tools save of the legacy tables, but for the counters of their policies. Asked only where the kernel has
// some: to ask would load the modules.
void append_legacy_iptables(std::string& text) {
  for (const char* version : {"", "6"}) {
    std::ifstream names(concat("/proc/net/ip", version, "_tables_names"));
    if (names.peek() == std::ifstream::traits_type::eof()) {
      continue;
    }
    const std::string tool = concat("ip", version, "tables-legacy-save");
    std::istringstream lines(must_run({tool}));
    std::map<std::string, int> times;  // since compare() looks at a line once
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(':')) {
        line = line.substr(0, line.find(" ["));
      }
      if (!line.starts_with('#')) {
        text += concat(tool, " ", line, " (", ++times[line], ")\n");
      }
    }
  }
}

bool make_legacy_iptables_drop() {
  for (const char* tool : {"iptables-legacy", "ip6tables-legacy"}) {
    if (run_program({tool, "-P", "FORWARD", "DROP"}).exit_code != 0) {
      return false;
    }
  }
  return true;
}

bool has_link_kind(const std::string& kind) {
  std::vector<std::string> command = {"ip", "link", "add", "name", "probe0"};
  // lo takes no VLANs.
  must_run({"ip", "link", "add", "parent0", "type", "veth", "peer", "name", "parent1"});
  if (kind == "vlan" || kind == "ipvlan") {
    command.insert(command.end(), {"link", "parent0"});
  }
  command.insert(command.end(), {"type", kind});
  if (kind == "vlan") {
    command.insert(command.end(), {"id", "7"});
  } else if (kind == "vrf") {
    command.insert(command.end(), {"table", "7"});
  } else if (kind == "bridge") {
    command.insert(command.end(), {"vlan_filtering", "1"});
  }
  const bool made = run_program(command).exit_code == 0;
  if (made) {
    must_run({"ip", "link", "delete", "probe0"});
  }
  must_run({"ip", "link", "delete", "parent0"});
  return made;
}

}  // namespace

const NetworkCase& network_case(const std::string& name) {
  const std::vector<NetworkCase>& cases = network_cases();
  const auto found = std::ranges::find(cases, name, &NetworkCase::name);
  if (found == cases.end()) {
    throw std::invalid_argument(concat("there is no case ", linnet::quoted(name)));
  }
  return *found;
}

Interference nothing(const SystemCall& /*call*/) { return {}; }

TracedProgram AttachmentWorld::program(const std::string& verb, const Json& conf) const {
  return {.arguments = {concat(plugin_path_, "/", conf["type"].get<std::string>())},
          .input = conf.dump(),
          .environment = {{"CNI_COMMAND", verb},
                          {"CNI_CONTAINERID", kContainer},
                          {"CNI_NETNS", concat("/run/netns/", kContainer)},
                          {"CNI_IFNAME", network_.ifname},
                          {"CNI_PATH", plugin_path_},
                          {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}},
          .decide_other = decide_other_};
}

// A plugin that waits for its bus finds there what came of its messages.
TracedRun AttachmentWorld::execute(const TracedProgram& program, const Decide& decide) const {
  if (!firewalld_) {
    return run_traced(program, decide);
  }
  TracedRun run = run_traced(program, [&](const SystemCall& call) -> Interference {
    const bool waits = call.number == SYS_poll || call.number == SYS_ppoll;
    if (waits) {
      firewalld_->serve();
    }
    const Interference interference = decide(call);
    return waits && interference.kind == Interference::Kind::kNone && firewalld_->keeps_silent()
               ? Interference{Interference::Kind::kFail, kTimeIsUp}
               : interference;
  });
  // What a plugin that died had sent.
  firewalld_->serve();
  return run;
}

void AttachmentWorld::prepare(const NetworkCase& network) {
  network_ = network;
  if (!network.needs.empty() && !has_link_kind(network.needs)) {
    GTEST_SKIP() << "needs a kernel with links of the kind " << network.needs;
  }
  if (network.legacy_iptables && !make_legacy_iptables_drop()) {
    GTEST_SKIP() << "needs the legacy iptables and a kernel that has it";
  }
  make_container(kContainer);
  make_container("outside");
  if (network.firewalld) {
    firewalld_ = std::make_unique<FakeFirewalld>();
  }
  must_run({"ip", "netns", "attach", "host", std::to_string(::getpid())});
  for (const std::vector<std::string>& command : network.preparation) {
    must_run(command);
  }
  for (Json conf : network.before) {
    if (!prev_result_.is_null()) {
      conf["prevResult"] = prev_result_;
    }
    const TracedRun run = execute(program("ADD", conf), nothing);
    ASSERT_EQ(run.output.exit_code, 0) << run.output.standard_output;
    prev_result_ = run.output.json();
  }
  if (!network.preparation.empty()) {
    wait_for_carrier("up0");
  }
  const ListRun warm = add_list();
  ASSERT_FALSE(warm.failed);
  ASSERT_EQ(check_list(warm.results.back()), "");
  del_list(warm.results.back());
  take_snapshots();
}

void AttachmentWorld::take_snapshots() {
  host_before_ = host_snapshot();
  container_before_ = container_snapshot();
  world_before_ = world();
}

AttachmentWorld::ListRun AttachmentWorld::add_list(std::size_t traced, const Decide& decide) const {
  ListRun run;
  Json result = prev_result_;
  for (std::size_t i = 0; i < network_.list.size(); ++i) {
    Json conf = network_.list[i];
    if (!result.is_null()) {
      conf["prevResult"] = result;
    }
    TracedRun one = execute(program("ADD", conf), i == traced ? decide : nothing);
    run.failed = one.output.exit_code != 0;
    if (i == traced) {
      run.traced = one;
    } else {
      EXPECT_FALSE(run.failed) << one.output.standard_output << one.output.standard_error;
    }
    if (run.failed) {
      break;
    }
    result = one.output.json();
    run.results.push_back(result);
  }
  return run;
}

AttachmentWorld::ListRun AttachmentWorld::add_list() const { return add_list(kNone, nothing); }

TracedRun AttachmentWorld::del_list(const Json& result, std::size_t traced,
                                    const Decide& decide) const {
  TracedRun run;
  for (std::size_t i = network_.list.size(); i-- > 0;) {
    Json conf = network_.list[i];
    if (!result.is_null()) {
      conf["prevResult"] = result;
    }
    TracedRun one = execute(program("DEL", conf), i == traced ? decide : nothing);
    if (i == traced) {
      run = one;
    } else {
      EXPECT_EQ(one.output.exit_code, 0)
          << conf["type"].dump() << " " << one.output.standard_output << one.output.standard_error;
    }
  }
  return run;
}

void AttachmentWorld::del_list(const Json& result) const { del_list(result, kNone, nothing); }

TracedRun AttachmentWorld::collect(std::size_t traced, const Decide& decide) const {
  TracedRun run;
  for (std::size_t i = 0; i < network_.list.size(); ++i) {
    Json conf = network_.list[i];
    conf["cni.dev/valid-attachments"] = Json::array();
    TracedProgram gc = program("GC", conf);
    gc.environment.erase("CNI_CONTAINERID");
    gc.environment.erase("CNI_NETNS");
    gc.environment.erase("CNI_IFNAME");
    TracedRun one = execute(gc, i == traced ? decide : nothing);
    if (i == traced) {
      run = one;
    } else {
      EXPECT_EQ(one.output.exit_code, 0)
          << conf["type"].dump() << " " << one.output.standard_output << one.output.standard_error;
    }
  }
  return run;
}

void AttachmentWorld::collect() const { collect(kNone, nothing); }

bool AttachmentWorld::clear_container() const {
  if (container_snapshot() == container_before_) {
    return false;
  }
  std::vector<std::string> command = network_.after_collection;
  if (!command.empty()) {
    for (const Json& interface : prev_result_["interfaces"]) {
      if (interface["name"] == network_.ifname) {
        command.back() = interface["mac"];
      }
    }
    must_run(command);
  }
  del_list();
  return true;
}

std::string AttachmentWorld::check_list(const Json& result) const {
  for (Json conf : network_.list) {
    conf["prevResult"] = result;
    const ProgramOutput output = execute(program("CHECK", conf), nothing).output;
    if (output.exit_code != 0) {
      return concat(conf["type"].get<std::string>(), ": ", output.standard_output);
    }
  }
  return {};
}

std::string AttachmentWorld::host_snapshot() {
  std::string text = namespace_snapshot("");
  append_settled("", must_run({"nft", "-s", "list", "ruleset"}), text);
  append_legacy_iptables(text);
  append_settled("", must_run({"tc", "qdisc", "show"}), text);
  append_files("/run", text);
  append_files("/var/lib/cni", text);
  return text;
}

std::string AttachmentWorld::container_snapshot() { return namespace_snapshot(kContainer); }

std::string AttachmentWorld::snapshot() { return host_snapshot() + container_snapshot(); }

std::string AttachmentWorld::difference(const std::function<std::string()>& state,
                                        const std::string& before) {
  std::string now = state();
  for (int wait = 10; now != before && wait < 1000; wait *= 2) {
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    now = state();
  }
  return compare(before, now);
}

}  // namespace linnet::test
