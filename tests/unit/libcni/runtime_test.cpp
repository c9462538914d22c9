#include "libcni/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "libcni/version.h"
#include "tests/support/expect_error.h"
#include "tests/support/plugin_folder.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Json kFails = {{"exit", 1}, {"stdout", {{"code", 11}, {"msg", "no"}, {"details", "d"}}}};

class RuntimeTest : public testing::Test {
 protected:
  static NetworkList list(const std::string& version = "1.1.0", const std::string& more = "") {
    return parse_network_list(
        R"({"cniVersion":")" + version + R"(","name":"net")" + more +
            R"(,"plugins":[{"type":"one","capabilities":{"mac":true,"ips":true}},
                                  {"type":"two"}]})",
        "test");
  }
  [[nodiscard]] Runtime runtime(FailedAdd failed_add = FailedAdd::kDelete) const {
    return Runtime({.plugin_path = {"/nonexistent", plugins_.path()},
                    .cache_folder = cache_.path(),
                    .timeout = std::chrono::seconds(60),
                    .failed_add = failed_add});
  }
  // The configuration that the plugin got last.
  [[nodiscard]] Json last_input(std::string_view plugin) const {
    Json input;
    for (const Json& call : plugins_.calls()) {
      if (call["plugin"] == plugin) {
        input = call["in"];
      }
    }
    return input;
  }
  void SetUp() override {
    plugins_.add("one");
    plugins_.add("two");
  }

  test::PluginFolder plugins_;
  test::TempFolder cache_;
  RuntimeConf conf_ = {.container_id = "c1",
                       .netns = "/run/netns/x",
                       .ifname = "eth0",
                       .args = {{"B", "2"}, {"A", "1"}},
                       .capability_args = {{"mac", "02:00:00:00:00:01"}, {"portMappings", {1}}}};
};

TEST_F(RuntimeTest, AddChainsResultsAndCachesTheLast) {
  for (const std::string_view version : kAllVersions) {
    plugins_.forget_calls();
    const NetworkList network = list(std::string(version));
    const Result result = runtime().add(network, conf_);
    EXPECT_EQ(result.ips.size(), 1U) << version;
    EXPECT_FALSE(plugins_.calls().at(0)["in"].contains("prevResult"));
    const Json second = plugins_.calls().at(1)["in"];
    EXPECT_EQ(second["prevResult"]["cniVersion"], version);
    EXPECT_EQ(second["name"], "net");
    EXPECT_EQ(second["cniVersion"], version);
    EXPECT_EQ(runtime().cached_result(network, conf_), result);
  }
}

TEST_F(RuntimeTest, PluginsSeeTheAttachmentAndNothingOfOurOwnEnvironment) {
  ::setenv("CNI_ARGS", "X=ours", 1);
  ::setenv("CNI_IFNAME", "ours", 1);
  (void)runtime().add(list(), conf_);
  runtime().status(list());
  ::unsetenv("CNI_ARGS");
  ::unsetenv("CNI_IFNAME");
  const Json add = plugins_.calls().at(0)["env"];
  EXPECT_EQ(add["CNI_COMMAND"], "ADD");
  EXPECT_EQ(add["CNI_CONTAINERID"], "c1");
  EXPECT_EQ(add["CNI_NETNS"], "/run/netns/x");
  EXPECT_EQ(add["CNI_IFNAME"], "eth0");
  EXPECT_EQ(add["CNI_ARGS"], "B=2;A=1");
  EXPECT_EQ(add["CNI_PATH"], "/nonexistent:" + plugins_.path());
  const Json status = plugins_.calls().back()["env"];
  EXPECT_EQ(status["CNI_ARGS"], "");
  EXPECT_EQ(status["CNI_IFNAME"], "");
}

TEST_F(RuntimeTest, RuntimeConfigHoldsDeclaredCapabilitiesWithAValueOnly) {
  (void)runtime().add(list(), conf_);
  EXPECT_EQ(last_input("one")["runtimeConfig"], (Json{{"mac", "02:00:00:00:00:01"}}));
  EXPECT_FALSE(last_input("two").contains("runtimeConfig"));
}

TEST_F(RuntimeTest, FailedAddIsDeletedInReverseAndLeavesNoCache) {
  plugins_.add("two", {{"ADD", kFails}});
  expect_error(Code::kTryAgainLater, "plugin type=\"two\" failed (add): no; d",
               [&] { (void)runtime().add(list(), conf_); });
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one ADD", "two ADD", "two DEL", "one DEL"));
  EXPECT_FALSE(runtime().cached_result(list(), conf_));
}

TEST_F(RuntimeTest, FailedAddIsLeftToTheCallerIfWanted) {
  plugins_.add("two", {{"ADD", kFails}});
  expect_error(Code::kTryAgainLater, "no",
               [&] { (void)runtime(FailedAdd::kLeaveToCaller).add(list(), conf_); });
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one ADD", "two ADD"));
}

TEST_F(RuntimeTest, FailedAddTellsADeletionThatFailsToo) {
  plugins_.add("two", {{"ADD", kFails}, {"DEL", kFails}});
  expect_error(Code::kTryAgainLater, "deleting what was done: plugin type=\"two\" failed (del): no",
               [&] { (void)runtime().add(list(), conf_); });
}

TEST_F(RuntimeTest, DelRunsInReverseWithTheCachedResultAndForgetsIt) {
  (void)runtime().add(list(), conf_);
  plugins_.forget_calls();
  runtime().del(list(), conf_);
  EXPECT_THAT(plugins_.call_names(), ElementsAre("two DEL", "one DEL"));
  EXPECT_EQ(last_input("two")["prevResult"], last_input("one")["prevResult"]);
  EXPECT_EQ(last_input("one")["prevResult"]["ips"][0]["address"], "10.1.2.3/24");
  EXPECT_THAT(cache_.names("results"), IsEmpty());
  runtime().del(list(), conf_);
  EXPECT_FALSE(last_input("one").contains("prevResult"));
}

TEST_F(RuntimeTest, DelGetsNoPrevResultBeforeVersionZeroFour) {
  (void)runtime().add(list("0.3.1"), conf_);
  runtime().del(list("0.3.1"), conf_);
  EXPECT_FALSE(last_input("one").contains("prevResult"));
}

TEST_F(RuntimeTest, DelGoesOnAfterAnErrorAndKeepsTheCache) {
  (void)runtime().add(list(), conf_);
  plugins_.forget_calls();
  plugins_.add("two", {{"DEL", kFails}});
  expect_error(Code::kTryAgainLater, "plugin type=\"two\" failed (del): no",
               [&] { runtime().del(list(), conf_); });
  EXPECT_THAT(plugins_.call_names(), ElementsAre("two DEL", "one DEL"));
  EXPECT_TRUE(runtime().cached_result(list(), conf_));
}

TEST_F(RuntimeTest, DelOfAListWithAMissingPluginStillRunsTheOthers) {
  const NetworkList network = parse_network_list(
      R"({"cniVersion":"1.0.0","name":"net","plugins":[{"type":"one"},{"type":"gone"}]})", "test");
  expect_error(Code::kInvalidEnvironment, "\"gone\"", [&] { runtime().del(network, conf_); });
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one DEL"));
}

TEST_F(RuntimeTest, DelToleratesACacheThatCannotBeRead) {
  for (const char* content : {"", "{", R"({"kind":"cniCacheV1"})", R"({"cniVersion":"8.8.8"})"}) {
    cache_.write("results/net-c1-eth0", content);
    testing::internal::CaptureStderr();
    runtime().del(list(), conf_);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("without the cached result"));
    EXPECT_THAT(cache_.names("results"), IsEmpty()) << content;
  }
}

TEST_F(RuntimeTest, CheckRunsInOrderWithTheCachedResultUpToTheFirstError) {
  (void)runtime().add(list(), conf_);
  plugins_.forget_calls();
  runtime().check(list(), conf_);
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one CHECK", "two CHECK"));
  EXPECT_TRUE(last_input("one").contains("prevResult"));
  plugins_.forget_calls();
  plugins_.add("one", {{"CHECK", kFails}});
  expect_error(Code::kTryAgainLater, "failed (check)", [&] { runtime().check(list(), conf_); });
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one CHECK"));
}

TEST_F(RuntimeTest, CheckIsGatedByVersionSwitchAndCache) {
  expect_error(Code::kIncompatibleVersion,
               "configuration version \"0.3.1\" does not support the CHECK command",
               [&] { runtime().check(list("0.3.1"), conf_); });
  runtime().check(list("1.0.0", R"(,"disableCheck":true)"), conf_);
  expect_error(Code::kUnknownContainer, "no cached result of network \"net\", container \"c1\"",
               [&] { runtime().check(list(), conf_); });
  EXPECT_THAT(plugins_.calls(), IsEmpty());
}

TEST_F(RuntimeTest, GcDeletesStaleAttachmentsOfItsNetworkWithTheirOwnArguments) {
  (void)runtime().add(list(), conf_);
  RuntimeConf kept = conf_;
  kept.container_id = "c2";
  (void)runtime().add(list(), kept);
  NetworkList other = list();
  other.name = "other";
  (void)runtime().add(other, conf_);
  plugins_.forget_calls();
  runtime().gc(list(), {{"c2", "eth0"}});
  EXPECT_THAT(plugins_.call_names(), ElementsAre("two DEL", "one DEL", "one GC", "two GC"));
  const Json del = plugins_.calls().at(1);
  EXPECT_EQ(del["env"]["CNI_CONTAINERID"], "c1");
  EXPECT_EQ(del["env"]["CNI_ARGS"], "B=2;A=1");
  EXPECT_EQ(del["in"]["runtimeConfig"], (Json{{"mac", "02:00:00:00:00:01"}}));
  const Json valid = Json::array({{{"containerID", "c2"}, {"ifname", "eth0"}}});
  EXPECT_EQ(last_input("two")["cni.dev/valid-attachments"], valid);
  EXPECT_EQ(last_input("two")["cni.dev/attachments"], valid);
  EXPECT_THAT(cache_.names("results"), ElementsAre("net-c2-eth0", "other-c1-eth0"));
}

TEST_F(RuntimeTest, GcWithNothingValidSendsAnEmptyList) {
  runtime().gc(list(), {});
  EXPECT_EQ(last_input("one")["cni.dev/valid-attachments"], Json::array());
}

TEST_F(RuntimeTest, GcGoesOnAfterErrorsAndReportsAll) {
  (void)runtime().add(list(), conf_);
  plugins_.add("one", {{"DEL", kFails}, {"GC", kFails}});
  try {
    runtime().gc(list(), {});
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("plugin type=\"one\" failed (del)"));
    EXPECT_THAT(error.what(), HasSubstr("plugin type=\"one\" failed (gc)"));
  }
  EXPECT_EQ(plugins_.call_names().back(), "two GC");
}

TEST_F(RuntimeTest, GcBeforeOneOneDeletesButCallsNoGc) {
  (void)runtime().add(list("1.0.0"), conf_);
  plugins_.forget_calls();
  runtime().gc(list("1.0.0"), {});
  EXPECT_THAT(plugins_.call_names(), ElementsAre("two DEL", "one DEL"));
}

TEST_F(RuntimeTest, GcSwitchedOffDoesNothing) {
  (void)runtime().add(list(), conf_);
  plugins_.forget_calls();
  runtime().gc(list("1.1.0", R"(,"disableGC":true)"), {});
  EXPECT_THAT(plugins_.calls(), IsEmpty());
}

TEST_F(RuntimeTest, StatusStopsAtTheFirstPluginThatIsNotReady) {
  runtime().status(list());
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one STATUS", "two STATUS"));
  plugins_.forget_calls();
  plugins_.add("one", {{"STATUS", {{"exit", 1}, {"stdout", R"({"code":50,"msg":"full"})"}}}});
  expect_error(Code::kPluginNotAvailable, "full", [&] { runtime().status(list()); });
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one STATUS"));
}

TEST_F(RuntimeTest, StatusBeforeOneOneDoesNothing) {
  runtime().status(list("1.0.0"));
  EXPECT_THAT(plugins_.calls(), IsEmpty());
}

TEST_F(RuntimeTest, EveryVerbValidatesNamesBeforeItTouchesAnything) {
  const auto verbs = [this](const NetworkList& network, const RuntimeConf& conf) {
    return std::vector<std::function<void()>>{
        [=, this] { (void)runtime().add(network, conf); },
        [=, this] { runtime().del(network, conf); }, [=, this] { runtime().check(network, conf); },
        [=, this] { (void)runtime().cached_result(network, conf); }};
  };
  RuntimeConf bad_id = conf_;
  bad_id.container_id = "../../etc/passwd";
  RuntimeConf no_id = conf_;
  no_id.container_id = "";
  RuntimeConf bad_ifname = conf_;
  bad_ifname.ifname = "../x";
  RuntimeConf bad_args = conf_;
  bad_args.args = {{"A", "1;CNI=2"}};
  RuntimeConf bad_capabilities = conf_;
  bad_capabilities.capability_args = Json::array({1});
  NetworkList bad_name = list();
  bad_name.name = "..";
  const auto expect_all = [](const std::vector<std::function<void()>>& steps, Code code,
                             const std::string& text) {
    for (const auto& step : steps) {
      expect_error(code, text, step);
    }
  };
  expect_all(verbs(list(), bad_id), Code::kInvalidEnvironment, "container id: ");
  expect_all(verbs(list(), no_id), Code::kUnknownContainer, "missing containerID");
  expect_all(verbs(list(), bad_ifname), Code::kInvalidEnvironment, "interface name: ");
  expect_all(verbs(list(), bad_args), Code::kInvalidEnvironment, "argument \"A=1;CNI=2\"");
  expect_all(verbs(list(), bad_capabilities), Code::kInvalidNetworkConfig,
             "capability arguments: expected an object, got ");
  expect_all(verbs(bad_name, conf_), Code::kInvalidNetworkConfig, "network name: ");
  expect_error(Code::kInvalidNetworkConfig, "network name: ", [&] { runtime().gc(bad_name, {}); });
  EXPECT_THAT(plugins_.calls(), IsEmpty());
}

TEST_F(RuntimeTest, HangingPluginIsEndedByTheTimeout) {
  plugins_.add("one", {{"STATUS", {{"hang", true}}}});
  const Runtime impatient({.plugin_path = {plugins_.path()},
                           .cache_folder = cache_.path(),
                           .timeout = std::chrono::milliseconds(300)});
  expect_error(Code::kTryAgainLater, "no answer within 300 ms", [&] { impatient.status(list()); });
}

TEST_F(RuntimeTest, ValidateReportsEveryProblem) {
  const Validation fine = runtime().validate(list());
  EXPECT_THAT(fine.problems, IsEmpty());
  EXPECT_THAT(fine.capabilities, ElementsAre("ips", "mac"));
  plugins_.add(
      "one",
      {{"VERSION",
        {{"stdout", {{"cniVersion", "1.0.0"}, {"supportedVersions", {"0.4.0", "1.0.0"}}}}}}});
  NetworkList network = list();
  network.plugins.push_back({.type = "gone"});
  // Told once, however often a plugin is in the list.
  network.plugins.push_back({.type = "one"});
  const Validation broken = runtime().validate(network);
  EXPECT_THAT(broken.problems, ElementsAre(HasSubstr("\"one\" does not speak version 1.1.0"),
                                           HasSubstr("\"gone\"")));
}

TEST_F(RuntimeTest, PluginsOlderThanVersionSpeakTheFirst) {
  plugins_.add(
      "one", {{"VERSION",
               {{"exit", 1}, {"stdout", {{"code", 4}, {"msg", "unknown CNI_COMMAND: VERSION"}}}}}});
  EXPECT_THAT(runtime().version_info("one"), ElementsAre("0.1.0"));
  plugins_.add("one", {{"VERSION", {{"stdout", {{"cniVersion", "0.2.0"}}}}}});
  EXPECT_THAT(runtime().version_info("one"), ElementsAre("0.1.0", "0.2.0"));
  EXPECT_THAT(runtime().version_info("two"), testing::SizeIs(7));
}

TEST_F(RuntimeTest, AttachmentsAreListedForAllOrOneContainer) {
  (void)runtime().add(list(), conf_);
  RuntimeConf other = conf_;
  other.container_id = "c2";
  (void)runtime().add(list(), other);
  EXPECT_THAT(runtime().list_attachments().attachments, testing::SizeIs(2));
  const auto one = runtime().list_attachments("c2").attachments;
  ASSERT_THAT(one, testing::SizeIs(1));
  EXPECT_EQ(one[0].config, list().raw);
}

}  // namespace
}  // namespace linnet::cni
