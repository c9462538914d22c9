// The power fails while host-local writes. Its verb is stopped behind each of its effects, and of what it wrote by then each
// file reached the disk, reached it in part, or did not: nothing is synced. Whatever is left, the next verbs read it.
#include <sys/mount.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/text.h"
#include "tests/faults/disk_state.h"
#include "tests/faults/system_calls.h"
#include "tests/faults/tracer.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;

const std::string kStore = "/var/lib/cni/networks/net1";
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr std::size_t kPool = 3;

FolderState read_store() { return read_folder(kStore); }
void write_store(const FolderState& state) { write_folder(kStore, state); }

class PowerCut : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    for (const char* name : {"c1", "c2"}) {
      make_container(name);
    }
    set_boot("11111111-1111-4111-8111-111111111111");
    resident_ = add(conf(), "c2");
  }
  void TearDown() override {
    ::umount2(kBootId, MNT_DETACH);
    HostTest::TearDown();
  }

  static void set_boot(const std::string& id) {
    std::ofstream("/run/boot_id") << id << "\n";
    ::umount2(kBootId, MNT_DETACH);
    ASSERT_EQ(::mount("/run/boot_id", kBootId, nullptr, MS_BIND, nullptr), 0);
  }

  [[nodiscard]] static Json conf() {
    return {{"cniVersion", "1.1.0"},
            {"name", "net1"},
            {"type", "host-local"},
            {"ipam",
             {{"type", "host-local"},
              {"subnet", "10.28.0.0/24"},
              {"rangeStart", "10.28.0.2"},
              {"rangeEnd", "10.28.0.4"}}}};
  }
  [[nodiscard]] static Json gc_conf(const std::vector<std::string>& valid) {
    Json conf = PowerCut::conf();
    conf["cni.dev/valid-attachments"] = Json::array();
    for (const std::string& container : valid) {
      conf["cni.dev/valid-attachments"].push_back({{"containerID", container}, {"ifname", "eth0"}});
    }
    return conf;
  }
  [[nodiscard]] static std::string address_of(const Json& result) {
    const std::string text = result["ips"][0]["address"];
    return text.substr(0, text.find('/'));
  }

  // The states of the store behind each effect of the verb.
  [[nodiscard]] std::vector<std::pair<std::string, FolderState>> states_during(
      const std::string& verb, const Json& conf) {
    std::vector<std::pair<std::string, FolderState>> states;
    SystemCall last;
    const TracedProgram program = {.arguments = {concat(plugin_path_, "/host-local")},
                                   .input = conf.dump(),
                                   .environment = {{"CNI_COMMAND", verb},
                                                   {"CNI_CONTAINERID", verb == "GC" ? "" : "c1"},
                                                   {"CNI_NETNS", "/run/netns/c1"},
                                                   {"CNI_IFNAME", verb == "GC" ? "" : "eth0"},
                                                   {"CNI_PATH", plugin_path_}}};
    const TracedRun run = run_traced(program, [&](const SystemCall& call) {
      if (changes_the_world(last)) {
        states.emplace_back(concat(verb, " behind ", describe(last)), read_store());
      }
      last = call;
      return Interference{};
    });
    EXPECT_EQ(run.output.exit_code, 0) << run.output.standard_output;
    return states;
  }

  void expect_readable(const FolderState& before,
                       const std::vector<std::pair<std::string, FolderState>>& states) {
    std::size_t tried = 0;
    for (const auto& [where, state] : states) {
      for (const Remains& remains : remains_of(before, state)) {
        SCOPED_TRACE(concat(where, ", ", remains.text));
        set_boot("11111111-1111-4111-8111-111111111111");
        write_store(remains.state);
        expect_the_others_are_safe();
        set_boot("22222222-2222-4222-8222-222222222222");
        write_store(remains.state);
        expect_all_is_free(static_cast<std::size_t>(std::ranges::count_if(
            remains.damaged, [](const std::string& name) { return name.starts_with("10."); })));
        ++tried;
        if (HasFailure()) {
          return;
        }
      }
    }
    RecordProperty("states", static_cast<int>(tried));
    EXPECT_GT(tried, 10U);
  }

  // The running boot goes on, as behind a file system that was repaired.
  void expect_the_others_are_safe() {
    Json check = conf();
    check["prevResult"] = resident_;
    expect_success("CHECK", "c2", check);
    std::set<std::string> given = {address_of(resident_)};
    for (const std::string& container : fill(given)) {
      expect_success("DEL", container, conf());
    }
    expect_success("DEL", "c1", conf());
    expect_success("GC", "c2", gc_conf({"c2"}));
    EXPECT_EQ(leases(), std::set<std::string>{address_of(resident_)});
    expect_success("CHECK", "c2", check);
  }

  // Nothing outlives the boot: what is intact is free at once, the rest behind one GC.
  void expect_all_is_free(std::size_t damaged) {
    std::set<std::string> given;
    fill(given);
    EXPECT_GE(given.size() + damaged, kPool);
    expect_success("GC", "c2", gc_conf({}));
    given.clear();
    fill(given);
    EXPECT_EQ(given.size(), kPool);
  }

  // ADD of one container after the other until the pool is full; their names. No address is given twice.
  std::vector<std::string> fill(std::set<std::string>& given) {
    std::vector<std::string> containers;
    for (std::size_t i = 0; i <= kPool; ++i) {
      const std::string container = concat("x", i);
      const ProgramOutput output = call_for("ADD", container, conf());
      if (output.exit_code != 0) {
        EXPECT_EQ(output.json().value("code", 0), 11) << output.standard_output;
        break;
      }
      containers.push_back(container);
      EXPECT_TRUE(given.insert(address_of(output.json())).second) << output.standard_output;
    }
    return containers;
  }

  // Containers of fill() have no namespace of their own.
  ProgramOutput call_for(const std::string& verb, const std::string& container, const Json& conf) {
    return call({.verb = verb,
                 .container = container,
                 .conf = conf,
                 .environment = {{"CNI_NETNS", "/run/netns/c1"}}});
  }
  void expect_success(const std::string& verb, const std::string& container, const Json& conf) {
    const ProgramOutput output = call_for(verb, container, conf);
    EXPECT_EQ(output.exit_code, 0) << verb << " " << output.standard_output;
  }
  // Without empty files, which are nobody's.
  [[nodiscard]] static std::set<std::string> leases() {
    std::set<std::string> names;
    for (const auto& [name, file] : read_store().files) {
      if (name.starts_with("10.") && !file.content.empty()) {
        names.insert(name);
      }
    }
    return names;
  }

  Json resident_;
};

TEST_F(PowerCut, InAddCostsThatAddOnly) {
  const FolderState before = read_store();
  expect_readable(before, states_during("ADD", conf()));
}

TEST_F(PowerCut, InDelCostsThatDelOnly) {
  static_cast<void>(add(conf()));
  const FolderState before = read_store();
  expect_readable(before, states_during("DEL", conf()));
}

TEST_F(PowerCut, InGcCostsThatGcOnly) {
  static_cast<void>(add(conf()));
  const FolderState before = read_store();
  expect_readable(before, states_during("GC", gc_conf({"c2"})));
}

}  // namespace
}  // namespace linnet::test
