#include "libcni/exec.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "libcni/version.h"
#include "tests/support/expect_error.h"
#include "tests/support/plugin_folder.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using test::PluginFolder;
using testing::ElementsAre;
using testing::HasSubstr;

class Exec : public testing::Test {
 protected:
  PluginOutput run(const Json& entry, std::string_view configuration = R"({"name":"n"})",
                   std::optional<std::chrono::milliseconds> timeout = {}) {
    const std::string executable = folder_.add("fake", {{"ADD", entry}});
    return PluginProcess::start(executable, {{"CNI_COMMAND", "ADD"}}).run(configuration, timeout);
  }
  // What throw_if_failed says to it.
  std::string failure_of(const PluginOutput& output, int code) {
    try {
      throw_if_failed(output, "/opt/cni/bin/bridge", "ADD");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "no error";
  }
  PluginFolder folder_;
};

TEST_F(Exec, FindsTheFirstRegularFileAlongThePath) {
  const test::TempFolder folder;
  folder.write("a/other/x", "");
  folder.write("b/other", "");
  folder.write("c/other", "");
  const std::vector<std::string> path = {folder.at("none"), folder.at("a"), folder.at("b"),
                                         folder.at("c")};
  EXPECT_EQ(find_plugin("other", path), folder.at("b/other"));
}

TEST_F(Exec, MissingPluginErrorListsTheFolders) {
  expect_error(Code::kInvalidEnvironment, "find plugin \"nope\" in path [/a /b]", [] {
    (void)find_plugin("nope", std::vector<std::string>{"/a", "/b"});
  });
  expect_error(Code::kInvalidNetworkConfig, "\"../sh\" is not the plain name",
               [] { (void)find_plugin("../sh", std::vector<std::string>{"/bin/x"}); });
}

TEST_F(Exec, ChildGetsConfigurationAndEnvironmentWithOverrides) {
  ::setenv("CNI_IFNAME", "eth7", 1);
  ::setenv("CNI_COMMAND", "DEL", 1);
  const PluginOutput output = run({{"stderr", "log"}});
  ::unsetenv("CNI_COMMAND");
  ::unsetenv("CNI_IFNAME");
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_EQ(output.standard_error, "log");
  EXPECT_THAT(output.standard_output, HasSubstr("eth7"));
  const Json call = folder_.calls().at(0);
  EXPECT_EQ(call["verb"], "ADD");
  EXPECT_EQ(call["in"], (Json{{"name", "n"}}));
}

TEST_F(Exec, LargeInputAndOutputsDoNotBlockEachOther) {
  const std::string configuration = dump({{"name", std::string(1 << 20, 'x')}});
  const PluginOutput output =
      run({{"stdout", {{"fill", 1 << 20}}}, {"stderr", std::string(300000, 'e')}}, configuration);
  EXPECT_EQ(output.standard_output.size(), std::size_t{1} << 20U);
  EXPECT_EQ(output.standard_error.size(), 300000U);
  EXPECT_EQ(dump(folder_.calls().at(0)["in"]), configuration);
}

TEST_F(Exec, ChildThatDoesNotReadItsConfigurationIsNoErrorAndNoSignal) {
  const std::string configuration(1 << 20, ' ');
  const PluginOutput output = run({{"close_stdin", true}, {"stdout", "ok"}}, configuration);
  EXPECT_EQ(output.standard_output, "ok");
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGPIPE), 0);
}

TEST_F(Exec, OutputPastTheLimitEndsTheChild) {
  expect_error(Code::kIoFailure, "more than 16777216 bytes of output", [&] {
    (void)run({{"stdout", {{"fill", 17 << 20}}}});
  });
}

TEST_F(Exec, ExitCodeOfASignalIsAboveHundredTwentyEight) {
  EXPECT_EQ(run({{"exit", 3}}).exit_code, 3);
  EXPECT_EQ(run({{"signal", SIGKILL}}).exit_code, 128 + SIGKILL);
}

TEST_F(Exec, ChildPastItsTimeoutIsKilledAndReaped) {
  expect_error(Code::kTryAgainLater, "no answer within 200 ms, killed", [&] {
    (void)run({{"hang", true}}, "{}", std::chrono::milliseconds(200));
  });
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST_F(Exec, ChildThatClosesItsOutputsAndStaysIsKilledToo) {
  expect_error(Code::kTryAgainLater, "no answer within 500 ms, killed", [&] {
    (void)run({{"close_outputs", true}, {"hang", true}}, "{}", std::chrono::milliseconds(500));
  });
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST_F(Exec, ProcessWalkedAwayFromIsReapedAndDidNothing) {
  const std::string executable = folder_.add("fake");
  { const PluginProcess process = PluginProcess::start(executable, {{"CNI_COMMAND", "ADD"}}); }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
  EXPECT_TRUE(folder_.calls().empty());
}

TEST_F(Exec, MovedProcessStillRuns) {
  PluginProcess process = PluginProcess::start(folder_.add("one"), {{"CNI_COMMAND", "ADD"}});
  process = PluginProcess::start(folder_.add("two"), {{"CNI_COMMAND", "ADD"}});
  PluginProcess moved = std::move(process);
  EXPECT_EQ(moved.run("{}").exit_code, 0);
  EXPECT_THAT(folder_.call_names(), ElementsAre("two ADD"));
}

TEST_F(Exec, NoDescriptorIsLeftOpen) {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  (void)run({});
  const auto before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    (void)run({});
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Exec, WorksWhenTheCallersOwnStandardDescriptorsAreClosed) {
  const std::string executable = folder_.add("fake", {{"ADD", {{"stdout", "out"}}}});
  const pid_t child = ::fork();
  if (child == 0) {
    for (int fd = 0; fd <= 2; ++fd) {
      ::close(fd);
    }
    const PluginOutput output =
        PluginProcess::start(executable, {{"CNI_COMMAND", "ADD"}}).run(R"({"name":"n"})");
    ::_exit(output.exit_code == 0 && output.standard_output == "out" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Exec, ScriptPluginsCanOpenTheirStandardInput) {
  const test::TempFolder folder;
  const std::string script = folder.write("sh", "#!/bin/sh\ncat /dev/stdin\n");
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  EXPECT_EQ(PluginProcess::start(script, {}).run("hello").standard_output, "hello");
}

TEST_F(Exec, ProgramThatIsNoPluginHasItsArgumentsAndNoOtherEnvironment) {
  EXPECT_EQ(PluginProcess::start("/usr/bin/env", {"SECOND=2"}, {"FIRST=1"}).run("").standard_output,
            "FIRST=1\nSECOND=2\n");
}

TEST_F(Exec, FileThatCannotBeExecutedIsAnErrorThatNamesIt) {
  const test::TempFolder folder;
  const std::string file = folder.write("x", "#!/bin/sh\n");
  try {
    (void)PluginProcess::start(file, {});
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), EACCES);
    EXPECT_THAT(error.what(), HasSubstr(file));
  }
}

TEST_F(Exec, FileThatIsBeingReplacedIsTriedAgain) {
  const test::TempFolder folder;
  const std::string file = folder.at("true");
  std::filesystem::copy_file("/bin/true", file);
  UniqueFd writer = open_file(file, O_WRONLY);
  std::thread closer([&writer] {
    // Any time before the last try will do.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    writer.reset();
  });
  EXPECT_EQ(PluginProcess::start(file, {}).run("").exit_code, 0);
  closer.join();
}

TEST_F(Exec, ErrorObjectOfAPluginKeepsCodeAndDetails) {
  const PluginOutput output = {1, R"({"code":11,"msg":"later","details":"busy"})", ""};
  EXPECT_EQ(failure_of(output, 11), "plugin type=\"bridge\" failed (add): later; busy");
}

TEST_F(Exec, FailureWithoutAnErrorObjectShowsWhatThereIs) {
  EXPECT_THAT(failure_of({2, "", " bad things\n"}, 999), HasSubstr("netplugin failed: bad things"));
  EXPECT_THAT(failure_of({2, "\n", ""}, 999),
              HasSubstr("netplugin failed with no error message (exit code 2)"));
  EXPECT_THAT(failure_of({2, "panic!", ""}, 999),
              HasSubstr("error parsing its diagnostic message \"panic!\""));
  EXPECT_THAT(failure_of({2, "{}", "oops"}, 999), HasSubstr("netplugin failed: oops"));
}

TEST_F(Exec, StandardErrorOfASuccessIsForwarded) {
  testing::internal::CaptureStderr();
  throw_if_failed({0, "", "note\n"}, "/x", "ADD");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "note\n");
}

TEST_F(Exec, WorksFromTheMomentTheConfigurationIsGiven) {
  PluginProcess process = PluginProcess::start(folder_.add("p", {{"ADD", {{"stdout", "1"}}}}),
                                               {{"CNI_COMMAND", "ADD"}});
  process.give("{}");
  for (int i = 0; i < 1000 && folder_.calls().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(folder_.calls().empty());
  EXPECT_EQ(process.finish().standard_output, "1");
}

TEST_F(Exec, GivesAConfigurationThatIsLargerThanAPipe) {
  PluginProcess process = PluginProcess::start(folder_.add("p"), {{"CNI_COMMAND", "ADD"}});
  const std::string large = concat("{\"x\": \"", std::string(std::size_t{1} << 20U, 'y'), "\"}");
  process.give(large);
  EXPECT_EQ(process.finish().exit_code, 0);
  EXPECT_EQ(dump(folder_.calls().at(0)["in"]), dump(Json::parse(large)));
}

class DelegateTest : public Exec {
 protected:
  NetConf conf_ = parse_net_conf(R"({"name":"n","cniVersion":"1.0.0","type":"bridge"})", Verb::kAdd,
                                 kAllVersions);
  Delegate delegate(const Json& script) {
    folder_.add("ipam", script);
    return Delegate(find_plugin("ipam", std::vector{folder_.path()}));
  }
  Result add(const Delegate& ipam) {
    PluginProcess process = ipam.start(Verb::kAdd);
    process.give(conf_.raw);
    return ipam.finish_add(std::move(process), conf_);
  }
};

TEST_F(DelegateTest, GetsTheConfigurationUnchangedAndGivesItsResult) {
  const Delegate ipam = delegate({{"ADD", {{"stdout", R"({"ips":[{"address":"10.0.0.2/24"}]})"}}}});
  const Result result = add(ipam);
  EXPECT_EQ(result.ips.at(0).address.text(), "10.0.0.2/24");
  EXPECT_EQ(dump(folder_.calls().at(0)["in"]), dump(conf_.json));
}

TEST_F(DelegateTest, JsonNullIsAnEmptyResultAndNothingAtAllAnError) {
  const Delegate null = delegate({{"ADD", {{"stdout", "null"}}}});
  EXPECT_EQ(add(null), Result());
  const Delegate silent = delegate({{"ADD", {{"stdout", ""}}}});
  expect_error(Code::kDecodingFailure, "result of ipam", [&] { (void)add(silent); });
}

TEST_F(DelegateTest, VerbsReachItByTheirName) {
  const Delegate ipam =
      delegate({{"STATUS", {{"exit", 1}, {"stdout", R"({"code":50,"msg":"full"})"}}}});
  for (const Verb verb : {Verb::kDel, Verb::kCheck, Verb::kGc}) {
    ipam.run(verb, conf_);
  }
  expect_error(Code::kPluginNotAvailable, "plugin type=\"ipam\" failed (status): full",
               [&] { ipam.run(Verb::kStatus, conf_); });
  EXPECT_THAT(folder_.call_names(),
              ElementsAre("ipam DEL", "ipam CHECK", "ipam GC", "ipam STATUS"));
}

}  // namespace
}  // namespace linnet::cni
