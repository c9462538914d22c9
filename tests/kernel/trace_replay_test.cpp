// The calls recorded from real runtimes, made again on our executables: same verbs in the same
// order, same configurations and CNI_ARGS. Only the sandbox and CNI_PATH are ours, and prevResult
// is what we returned.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>
#include <set>
#include <tuple>

#include "base/text.h"
#include "base/unique_fd.h"
#include "tests/support/host.h"
#include "tests/support/trace.h"

namespace linnet::test {
namespace {

using cni::Json;

// The ways in which runtimes name a sandbox.
enum class Sandbox {
  kNamed,         // /run/netns/NAME: podman, cnitool, containerd's CRI
  kDescriptor,    // /proc/PID/fd/N: buildah
  kProcess,       // /proc/PID/ns/net: ctr
  kPrivateMount,  // a path of the caller's own mount namespace: apptainer
  kGoneAtDel,     // /run/netns/NAME, and no namespace any more when DEL comes
};

const char* name_of(Sandbox sandbox) {
  switch (sandbox) {
    case Sandbox::kNamed:
      return "Named";
    case Sandbox::kDescriptor:
      return "Descriptor";
    case Sandbox::kProcess:
      return "Process";
    case Sandbox::kPrivateMount:
      return "PrivateMount";
    case Sandbox::kGoneAtDel:
      return "GoneAtDel";
  }
  return "?";
}

// A process that lives in a named network namespace until the object goes.
class Inhabitant {
 public:
  explicit Inhabitant(const std::string& netns_path) {
    const UniqueFd netns(::open(netns_path.c_str(), O_RDONLY | O_CLOEXEC));
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char answer = ::setns(netns.get(), CLONE_NEWNET) == 0 ? 'y' : 'n';
      for (bool told = ::write(ready[1], &answer, 1) == 1; told;) {
        ::pause();
      }
      ::_exit(1);
    }
    char answer = 'n';
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y') << "enter " << netns_path;
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Inhabitant() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Inhabitant(const Inhabitant&) = delete;
  Inhabitant& operator=(const Inhabitant&) = delete;

  [[nodiscard]] std::string netns_path() const { return concat("/proc/", pid_, "/ns/net"); }

 private:
  pid_t pid_ = -1;
};

constexpr const char* kPrivatePath = "/run/session/netns";

// What replaces a recorded sandbox.
struct Stage {
  std::string name;                  // the namespace's
  std::string path;                  // as plugins are told
  std::vector<std::string> wrapper;  // in front of every plugin that gets the path
  UniqueFd descriptor;
  std::unique_ptr<Inhabitant> inhabitant;
  std::size_t last_use = 0;  // position of the last call on it that is no DEL
  bool gone = false;
};

// What a result must share with the recorded one, the addresses included. Names, MACs and paths are
// those of a run; "mtu", an empty "dns" and the family of an address are optional in the one
// version or the other.
Json comparable(Json result) {
  if (!result.is_object()) {
    return result;
  }
  if (result.contains("dns") && result["dns"].empty()) {
    result.erase("dns");
  }
  for (Json& interface : result["interfaces"]) {
    interface["mac"] = "any";
    interface.erase("mtu");
    if (interface.contains("sandbox")) {
      interface["sandbox"] = "any";
    }
    if (interface.value("name", "").starts_with("veth")) {
      interface["name"] = "veth";
    }
  }
  for (Json& address : result["ips"]) {
    address.erase("version");
  }
  return result;
}

class TraceReplay : public HostTest,
                    public testing::WithParamInterface<std::tuple<std::string, Sandbox>> {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    // Those behind it in a chain are called by real runtimes in tests/clients: their results name links that linnet
    // names otherwise.
    const std::set<std::string> chained = {"portmap", "firewall", "bandwidth"};
    for (const RecordedCall& call : read_trace(std::get<0>(GetParam()))) {
      const bool ours = std::filesystem::exists(concat(LINNET_BIN_DIR "/", call.plugin));
      if (ours && !chained.contains(call.plugin) && !call.is_delegation()) {
        calls_.push_back(call);
      }
    }
  }

  void TearDown() override {
    stages_.clear();
    HostTest::TearDown();
  }

  // Every shared thing that the trace's networks will have, and no memory of any address.
  void make_shared_things() {
    make_container("first");
    std::set<std::string> done;
    for (const RecordedCall& recorded : calls_) {
      Json conf = Json::parse(recorded.input);
      conf.erase("runtimeConfig");
      if (recorded.verb != "ADD" || !done.insert(conf.dump()).second) {
        continue;
      }
      Call call = {.verb = "ADD", .container = "first", .conf = conf, .ifname = recorded.ifname};
      const ProgramOutput added = this->call(call);
      ASSERT_EQ(added.exit_code, 0) << recorded.title() << "\n" << added.standard_output;
      call.verb = "DEL";
      ASSERT_EQ(this->call(call).exit_code, 0);
    }
    remove_container("first");
    for (const auto& entry : std::filesystem::directory_iterator("/var/lib/cni")) {
      std::filesystem::remove_all(entry.path());
    }
  }

  void make_stages() {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      const RecordedCall& call = calls_[i];
      if (call.netns.empty() || call.verb == "VERSION") {
        continue;
      }
      Stage& stage = stages_[{call.container_id, call.netns}];
      if (stage.name.empty()) {
        stage.name = "t" + std::to_string(stages_.size());
        prepare(stage);
      }
      if (call.verb != "DEL") {
        stage.last_use = i;
      }
    }
  }

  void prepare(Stage& stage) const {
    make_container(stage.name);
    const std::string mounted = "/run/netns/" + stage.name;
    stage.path = mounted;
    switch (std::get<1>(GetParam())) {
      case Sandbox::kNamed:
      case Sandbox::kGoneAtDel:
        break;
      case Sandbox::kDescriptor:
        stage.descriptor = UniqueFd(::open(mounted.c_str(), O_RDONLY | O_CLOEXEC));
        stage.path = concat("/proc/", ::getpid(), "/fd/", stage.descriptor.get());
        break;
      case Sandbox::kProcess:
        stage.inhabitant = std::make_unique<Inhabitant>(mounted);
        stage.path = stage.inhabitant->netns_path();
        break;
      case Sandbox::kPrivateMount:
        std::filesystem::create_directories("/run/session");
        stage.path = kPrivatePath;
        stage.wrapper = {"unshare",
                         "--mount",
                         "sh",
                         "-ec",
                         concat("mount -t tmpfs none /run/session; touch ", kPrivatePath,
                                "; mount --bind ", mounted, " ", kPrivatePath, "; exec \"$@\""),
                         "sh"};
        break;
    }
  }

  // The recorded call as it is made here.
  [[nodiscard]] Call call_for(std::size_t position) {
    const RecordedCall& recorded = calls_[position];
    Call call = {.verb = recorded.verb,
                 .container = recorded.container_id,
                 .conf = Json::parse(recorded.input),
                 .plugin = recorded.plugin,
                 .ifname = recorded.ifname,
                 .args = recorded.args,
                 .environment = {{"CNI_NETNS", recorded.netns}}};
    if (recorded.verb == "VERSION") {
      call.environment["CNI_PATH"] = recorded.path;
      return call;
    }
    if (call.conf.contains("prevResult")) {
      // One that was never returned stays as it was recorded.
      const auto attached = attached_.find(key_of(recorded));
      if (attached != attached_.end()) {
        call.conf["prevResult"] = attached->second;
      }
    }
    if (!recorded.netns.empty()) {
      Stage& stage = stages_.at({recorded.container_id, recorded.netns});
      call.environment["CNI_NETNS"] = stage.path;
      call.wrapper = stage.wrapper;
      if (std::get<1>(GetParam()) == Sandbox::kGoneAtDel && !stage.gone &&
          position > stage.last_use) {
        remove_container(stage.name);
        stage.gone = true;
      }
    }
    return call;
  }

  // DEL of something that is not there any more, or never was: through a runtime that has lost
  // everything.
  void expect_del_of_nothing(const RecordedCall& recorded) const {
    Json conf = Json::parse(recorded.input);
    const ProgramOutput output = call({.verb = "DEL",
                                       .container = recorded.container_id,
                                       .conf = conf,
                                       .plugin = recorded.plugin,
                                       .ifname = recorded.ifname,
                                       .args = recorded.args,
                                       .environment = {{"CNI_NETNS", ""}}});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output;
    EXPECT_EQ(output.standard_output, "");
  }

  void expect_as_recorded(const RecordedCall& recorded, const Call& call,
                          const ProgramOutput& output) const {
    EXPECT_EQ(output.exit_code, recorded.exit_code)
        << output.standard_output << output.standard_error;
    if (recorded.verb == "VERSION") {
      EXPECT_EQ(output.json()["supportedVersions"], recorded.output["supportedVersions"]);
      return;
    }
    if (recorded.verb != "ADD") {
      EXPECT_EQ(output.standard_output.empty(), recorded.output.is_null())
          << output.standard_output;
      return;
    }
    const Json result = output.json();
    EXPECT_EQ(comparable(result).dump(2), comparable(recorded.output).dump(2));
    EXPECT_EQ(result["interfaces"].back()["sandbox"], call.environment.at("CNI_NETNS"));
    if (recorded.plugin == "bridge") {
      const Stage& stage = stages_.at({recorded.container_id, recorded.netns});
      EXPECT_TRUE(ping(stage.name, result["ips"][0]["gateway"].get<std::string>()));
    }
  }

  // Network and interface of a container: what a runtime caches a result for.
  [[nodiscard]] static std::string key_of(const RecordedCall& call) {
    return concat(Json::parse(call.input).value("name", ""), " ", call.container_id, " ",
                  call.ifname);
  }

  std::vector<RecordedCall> calls_;
  std::map<std::pair<std::string, std::string>, Stage> stages_;  // by container id and netns
  std::map<std::string, Json> attached_;                         // results by key_of
};

TEST_P(TraceReplay, IsAnsweredAsRecordedAndLeavesNothingBehind) {
  ASSERT_FALSE(calls_.empty());
  ASSERT_NO_FATAL_FAILURE(make_shared_things());
  make_stages();
  const std::string before = world();
  std::map<std::string, RecordedCall> adds;
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    const RecordedCall& recorded = calls_[i];
    SCOPED_TRACE(recorded.title());
    if (recorded.verb == "CHECK" && recorded.exit_code != 0) {
      // What the recording's script had done by then.
      const Stage& stage = stages_.at({recorded.container_id, recorded.netns});
      must_run({"ip", "-n", stage.name, "addr", "flush", "dev", recorded.ifname});
    }
    const Call call = call_for(i);
    const ProgramOutput output = this->call(call);
    expect_as_recorded(recorded, call, output);
    if (recorded.verb == "ADD") {
      attached_[key_of(recorded)] = output.json();
      adds.insert_or_assign(key_of(recorded), recorded);
    } else if (recorded.verb == "DEL") {
      expect_del_of_nothing(recorded);
      attached_.erase(key_of(recorded));
      adds.erase(key_of(recorded));
    }
  }
  for (const auto& [key, add] : adds) {
    SCOPED_TRACE(add.title() + ", which the runtime never deleted");
    expect_del_of_nothing(add);
  }
  EXPECT_EQ(world(), before);
}

class NeverAdded : public TraceReplay {};

TEST_P(NeverAdded, DelSucceedsAndChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(make_shared_things());
  const std::string before = world();
  for (const RecordedCall& recorded : calls_) {
    if (recorded.verb == "ADD" || recorded.verb == "DEL") {
      SCOPED_TRACE(recorded.title());
      expect_del_of_nothing(recorded);
    }
  }
  EXPECT_EQ(world(), before);
}

TEST_F(HostTest, VersionNeedsNothingThatExists) {
  for (const char* plugin : {"bridge", "host-local", "loopback"}) {
    const ProgramOutput output =
        call({.verb = "VERSION",
              .container = "dummy",
              .conf = {{"cniVersion", "1.0.0"}},
              .plugin = plugin,
              .ifname = "dummy",
              .environment = {{"CNI_NETNS", "dummy"}, {"CNI_PATH", "dummy"}}});
    EXPECT_EQ(output.exit_code, 0) << plugin << output.standard_output;
    EXPECT_THAT(output.json()["supportedVersions"], testing::Contains("1.1.0")) << plugin;
  }
}

std::string test_name(const testing::TestParamInfo<TraceReplay::ParamType>& info) {
  std::string name = concat(std::get<0>(info.param), "_", name_of(std::get<1>(info.param)));
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Traces, TraceReplay,
                         testing::Combine(testing::ValuesIn(trace_names()),
                                          testing::Values(Sandbox::kNamed, Sandbox::kDescriptor,
                                                          Sandbox::kProcess, Sandbox::kPrivateMount,
                                                          Sandbox::kGoneAtDel)),
                         test_name);

INSTANTIATE_TEST_SUITE_P(Traces, NeverAdded,
                         testing::Combine(testing::ValuesIn(trace_names()),
                                          testing::Values(Sandbox::kNamed)),
                         test_name);

}  // namespace
}  // namespace linnet::test
