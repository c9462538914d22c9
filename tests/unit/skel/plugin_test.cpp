#include "plugins/skel/plugin.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/unique_fd.h"
#include "libcni/error.h"
#include "tests/support/temp_folder.h"

namespace linnet::skel {
namespace {

using cni::Code;
using cni::Json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> calls;

cni::Result result_of_add;

template <int verb>
void note(const cni::Request&, const cni::NetConf&) {
  calls.emplace_back(verb_name(static_cast<cni::Verb>(verb)));
}

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  note<static_cast<int>(cni::Verb::kAdd)>(request, conf);
  return result_of_add;
}

constexpr Plugin kPlugin = {.name = "bridge",
                            .about = "a test",
                            .add = add,
                            .del = note<static_cast<int>(cni::Verb::kDel)>,
                            .check = note<static_cast<int>(cni::Verb::kCheck)>,
                            .gc = note<static_cast<int>(cni::Verb::kGc)>,
                            .status = note<static_cast<int>(cni::Verb::kStatus)>};

struct Answer {
  int exit_code = 0;
  std::string output;
  std::string log;
  [[nodiscard]] Json json() const { return cni::parse_json(output, "stdout"); }
};

class Skel : public testing::Test {
 protected:
  void SetUp() override {
    calls.clear();
    result_of_add = {};
    result_of_add.ips = {{std::nullopt, *Cidr::parse("10.0.0.2/24"), std::nullopt}};
  }

  Answer run(const std::string& verb, const std::string& configuration,
             const Plugin& plugin = kPlugin, std::vector<const char*> arguments = {}) {
    variables_["CNI_COMMAND"] = verb;
    const test::TempFolder folder;
    const UniqueFd input = open_file(folder.write("in", configuration), O_RDONLY);
    const UniqueFd output = open_file(folder.write("out", ""), O_WRONLY);
    testing::internal::CaptureStderr();
    Answer answer;
    answer.exit_code = skel::run(plugin, arguments, streams(input.get(), output.get()));
    answer.log = testing::internal::GetCapturedStderr();
    answer.output = read_file(folder.at("out"), 1 << 20);
    return answer;
  }

  Streams streams(int input, int output) {
    return {input, output, [this](std::string_view name) -> std::optional<std::string> {
              const auto found = variables_.find(std::string(name));
              return found == variables_.end() ? std::nullopt : std::optional(found->second);
            }};
  }

  std::map<std::string, std::string> variables_ = {{"CNI_CONTAINERID", "c"},
                                                   {"CNI_NETNS", "/nonexistent/netns"},
                                                   {"CNI_IFNAME", "eth0"},
                                                   {"CNI_PATH", "/opt/cni/bin"}};
};

std::string configuration(std::string_view version, std::string_view more = "") {
  return R"({"name":"n","type":"bridge","cniVersion":")" + std::string(version) + "\"" +
         std::string(more) + "}";
}

TEST_F(Skel, AddPrintsTheResultInTheVersionOfTheConfiguration) {
  for (const std::string_view version : cni::kAllVersions) {
    const Answer answer = run("ADD", configuration(version));
    EXPECT_EQ(answer.exit_code, 0) << version;
    EXPECT_EQ(answer.json()["cniVersion"], version);
    EXPECT_EQ(answer.json().contains("ip4"), version < "0.3.0") << version;
    EXPECT_THAT(answer.log, IsEmpty());
  }
}

TEST_F(Skel, OtherVerbsPrintNothing) {
  const std::string prev_result = R"(,"prevResult":{"ips":[]})";
  for (const char* verb : {"DEL", "CHECK", "GC", "STATUS"}) {
    const Answer answer = run(verb, configuration("1.1.0", prev_result));
    EXPECT_EQ(answer.exit_code, 0) << verb;
    EXPECT_THAT(answer.output, IsEmpty()) << verb;
    EXPECT_EQ(calls.back(), verb);
  }
}

TEST_F(Skel, VerbLeftOutSucceeds) {
  constexpr Plugin kEmpty = {.name = "x", .about = "nothing"};
  for (const char* verb : {"ADD", "DEL", "GC", "STATUS"}) {
    const Answer answer = run(verb, configuration("1.1.0"), kEmpty);
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_THAT(answer.output, IsEmpty());
  }
}

TEST_F(Skel, VersionNeedsNothingAndDoesNotReadItsInput) {
  variables_ = {{"CNI_IFNAME", "not/valid"}, {"CNI_COMMAND", "VERSION"}};
  const test::TempFolder folder;
  const UniqueFd output = open_file(folder.write("out", ""), O_WRONLY);
  EXPECT_EQ(skel::run(kPlugin, {}, streams(-1, output.get())), 0);
  EXPECT_EQ(
      cni::parse_version_answer(cni::parse_json(read_file(folder.at("out"), 4096), "x")).size(),
      cni::kAllVersions.size());
}

TEST_F(Skel, WithoutACommandSaysWhatItIsAndSucceeds) {
  const Answer answer = run("", "");
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_THAT(answer.output, IsEmpty());
  EXPECT_THAT(answer.log, HasSubstr("a test"));
  EXPECT_THAT(answer.log, HasSubstr("CNI protocol versions supported: 0.1.0, "));
  const Answer help = run("ADD", "", kPlugin, {"bridge", "--help"});
  EXPECT_EQ(help.log, answer.log);
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(Skel, ErrorsArePrintedAsObjectsWithTheConfigurationsVersion) {
  constexpr Plugin kFailing = {
      .name = "bridge",
      .about = "fails",
      .add = [](const cni::Request&, const cni::NetConf&) -> cni::Result {
        throw cni::Error(Code::kTryAgainLater, "later", "because");
      },
      .del = [](const cni::Request&, const cni::NetConf&) { throw SystemError(EPERM, "open x"); }};
  const Answer add = run("ADD", configuration("0.4.0"), kFailing);
  EXPECT_EQ(add.exit_code, 1);
  EXPECT_EQ(
      add.json(),
      (Json{{"cniVersion", "0.4.0"}, {"code", 11}, {"msg", "later"}, {"details", "because"}}));
  const Answer del = run("DEL", configuration("1.0.0"), kFailing);
  EXPECT_EQ(
      del.json(),
      (Json{{"cniVersion", "1.0.0"}, {"code", 999}, {"msg", "open x: operation not permitted"}}));
}

TEST_F(Skel, ErrorsBeforeTheVersionIsKnownCarryTheNewest) {
  const Answer answer = run("ADD", "{");
  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_EQ(answer.json()["cniVersion"], "1.1.0");
  EXPECT_EQ(answer.json()["code"], 6);
  variables_.erase("CNI_IFNAME");
  EXPECT_EQ(run("ADD", configuration("0.4.0")).json()["code"], 4);
}

TEST_F(Skel, EnvironmentIsJudgedBeforeTheConfiguration) {
  variables_.erase("CNI_CONTAINERID");
  EXPECT_EQ(run("ADD", "{").json()["code"], 4);
}

TEST_F(Skel, InputThatCannotBeReadIsAnIoFailure) {
  variables_["CNI_COMMAND"] = "ADD";
  const test::TempFolder folder;
  const UniqueFd output = open_file(folder.write("out", ""), O_WRONLY);
  EXPECT_EQ(skel::run(kPlugin, {}, streams(-1, output.get())), 1);
  EXPECT_THAT(read_file(folder.at("out"), 4096), HasSubstr("\"code\":5"));
}

TEST_F(Skel, OwnNamespaceIsRefusedBeforeAnythingIsDone) {
  for (const char* path : {"/proc/self/ns/net", "/proc/thread-self/ns/net"}) {
    variables_["CNI_NETNS"] = path;
    for (const char* verb : {"ADD", "DEL"}) {
      const Answer answer = run(verb, configuration("1.0.0"));
      EXPECT_EQ(answer.exit_code, 1);
      EXPECT_EQ(answer.json()["code"], 8);
      EXPECT_THAT(answer.output, HasSubstr("CNI_NETNS_OVERRIDE=1"));
    }
  }
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(Skel, OwnNamespaceIsAllowedWhenOverridden) {
  variables_["CNI_NETNS"] = "/proc/self/ns/net";
  for (const char* value : {"1", "true", "TRUE"}) {
    variables_["CNI_NETNS_OVERRIDE"] = value;
    EXPECT_EQ(run("ADD", configuration("1.0.0")).exit_code, 0) << value;
  }
  variables_["CNI_NETNS_OVERRIDE"] = "0";
  EXPECT_EQ(run("ADD", configuration("1.0.0")).exit_code, 1);
}

TEST_F(Skel, NetnsThatIsGoneOrEmptyDoesNotStopDel) {
  EXPECT_EQ(run("DEL", configuration("1.0.0")).exit_code, 0);
  variables_["CNI_NETNS"] = "";
  EXPECT_EQ(run("DEL", configuration("1.0.0")).exit_code, 0);
}

TEST_F(Skel, UnknownKeysAreToldOnAddOnly) {
  const std::string misspelt = configuration("1.0.0", R"(,"isGatway":true)");
  EXPECT_THAT(run("ADD", misspelt).log,
              HasSubstr("bridge: warning: \"isGatway\": unknown key, did you mean \"isGateway\"?"));
  EXPECT_THAT(run("DEL", misspelt).log, IsEmpty());
}

TEST_F(Skel, DelegateDoesNotRepeatTheWarningsOfItsCaller) {
  Plugin delegate = kPlugin;
  delegate.name = "host-local";
  EXPECT_THAT(run("ADD", configuration("1.0.0", R"(,"isGatway":true)"), delegate).log, IsEmpty());
}

TEST_F(Skel, LayerTwoResultIsAnErrorInTheOldestVersions) {
  result_of_add.ips.clear();
  EXPECT_THAT(run("ADD", configuration("0.2.0")).output,
              HasSubstr("cannot convert: no valid IP addresses"));
}

TEST_F(Skel, AnswerThatCannotBeWrittenIsAnErrorOnStderr) {
  variables_["CNI_COMMAND"] = "VERSION";
  const UniqueFd full = open_file("/dev/full", O_WRONLY);
  testing::internal::CaptureStderr();
  EXPECT_EQ(skel::run(kPlugin, {}, streams(-1, full.get())), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("no space left on device"));
}

TEST_F(Skel, AnAddWhoseAnswerCannotBeWrittenIsTakenBack) {
  variables_["CNI_COMMAND"] = "ADD";
  const test::TempFolder folder;
  const std::string path = folder.write("in", configuration("1.0.0"));
  const UniqueFd full = open_file("/dev/full", O_WRONLY);
  const auto log_of_add = [&](const Plugin& plugin) {
    const UniqueFd input = open_file(path, O_RDONLY);
    testing::internal::CaptureStderr();
    EXPECT_EQ(skel::run(plugin, {}, streams(input.get(), full.get())), 1);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(log_of_add(kPlugin), HasSubstr("the answer is lost: "));
  EXPECT_THAT(calls, testing::ElementsAre("ADD", "DEL"));
  Plugin stubborn = kPlugin;
  stubborn.del = [](const cni::Request&, const cni::NetConf&) {
    throw cni::Error(Code::kInternal, "it stays");
  };
  EXPECT_THAT(log_of_add(stubborn), HasSubstr("what ADD made is left to DEL: it stays"));
  Plugin without_del = kPlugin;
  without_del.del = nullptr;
  EXPECT_THAT(log_of_add(without_del), HasSubstr("the answer is lost: "));
}

TEST_F(Skel, ReaderThatIsGoneIsAnErrorAndNotASignal) {
  variables_["CNI_COMMAND"] = "VERSION";
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd write_end(ends[1]);
  ::close(ends[0]);
  testing::internal::CaptureStderr();
  EXPECT_EQ(skel::run(kPlugin, {}, streams(-1, write_end.get())), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("broken pipe"));
  (void)::signal(SIGPIPE, SIG_DFL);
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_by_name({}, std::array{"brigde"}, streams(-1, write_end.get())), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("broken pipe"));
}

TEST_F(Skel, BytesThatAreNotUtf8StillGiveAnErrorObject) {
  const Answer answer = run("ADD", "{\"name\":\"\xff\xfe\"}");
  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_EQ(answer.json()["code"], 6);
  variables_["CNI_IFNAME"] = "a\xff b";
  EXPECT_EQ(run("ADD", configuration("1.0.0")).json()["code"], 4);
}

std::optional<int> task(std::span<const char* const> arguments) {
  return arguments.size() > 1 && std::string_view(arguments[1]) == "task" ? std::optional(7)
                                                                          : std::nullopt;
}

constexpr Plugin kOther = {.name = "other", .about = "another test", .task = task};
constexpr std::array kBoth = {&kPlugin, &kOther};

TEST_F(Skel, TheNameOfTheExecutableChoosesThePlugin) {
  variables_["CNI_COMMAND"] = "STATUS";
  const test::TempFolder folder;
  const std::string conf = folder.write("in", configuration("1.1.0"));
  for (const char* name : {"bridge", "/opt/cni/bin/bridge", "./bridge"}) {
    const UniqueFd input = open_file(conf, O_RDONLY);
    calls.clear();
    EXPECT_EQ(run_by_name(kBoth, std::array{name}, streams(input.get(), -1)), 0);
    EXPECT_EQ(calls, std::vector<std::string>{"STATUS"}) << name;
  }
  const UniqueFd input = open_file(conf, O_RDONLY);
  EXPECT_EQ(run_by_name(kBoth, std::array{"/bin/other"}, streams(input.get(), -1)), 0);
  EXPECT_EQ(calls.size(), 1U);
  EXPECT_EQ(run_by_name(kBoth, std::array{"/bin/other", "task"}, streams(-1, -1)), 7);
}

TEST_F(Skel, AnotherNameIsAnErrorThatListsThePlugins) {
  variables_["CNI_COMMAND"] = "VERSION";
  const test::TempFolder folder;
  const UniqueFd output = open_file(folder.write("out", ""), O_WRONLY);
  EXPECT_EQ(run_by_name(kBoth, std::array{"/opt/cni/bin/brigde"}, streams(-1, output.get())), 1);
  const Json answer = cni::parse_json(read_file(folder.at("out"), 4096), "x");
  EXPECT_EQ(answer["code"], 4);
  EXPECT_THAT(answer["msg"].get<std::string>(), HasSubstr("\"brigde\""));
  EXPECT_THAT(answer["details"].get<std::string>(), HasSubstr("bridge, other"));
  variables_.erase("CNI_COMMAND");
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_by_name(kBoth, std::array{"linnet"}, streams(-1, -1)), 0);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("another test"));
  EXPECT_TRUE(calls.empty());
}

}  // namespace
}  // namespace linnet::skel
