#include <gmock/gmock.h>
#include <unistd.h>

#include "base/file.h"
#include "libcni/error.h"
#include "tests/support/program.h"
#include "tests/support/trace.h"
#include "tests/unit/cnitool/cnitool_fixture.h"

namespace linnet::cnitool {
namespace {

using cni::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Json kFails = {{"exit", 1}, {"stdout", {{"code", 11}, {"msg", "no"}}}};

TEST_F(CnitoolTest, AddPrintsTheResultWithFourSpaces) {
  const Ran ran = run({"add", "podnet", "/run/netns/A"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("{\n    \"cniVersion\": \"1.1.0\",\n"));
  EXPECT_THAT(ran.err, IsEmpty());
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one ADD", "two ADD"));
}

TEST_F(CnitoolTest, ContainerIdIsTheReferencesHashOfTheAbsolutePath) {
  EXPECT_EQ(container_id_of("/run/netns/A").size(), std::string("cnitool-").size() + 20);
  for (const test::RecordedCall& call : test::read_trace("cnitool")) {
    if (!call.netns.empty() && call.verb == "ADD") {
      EXPECT_TRUE(container_id_of(call.netns).starts_with(call.container_id)) << call.title();
    }
  }
}

TEST_F(CnitoolTest, RelativeNetnsIsMadeAbsoluteAndClean) {
  ASSERT_EQ(::chdir("/"), 0);
  (void)run({"add", "podnet", "run/./x/../netns/A/"});
  const Json environment = plugins_.calls().at(0)["env"];
  EXPECT_EQ(environment["CNI_NETNS"], "/run/netns/A");
  EXPECT_EQ(environment["CNI_CONTAINERID"], container_id_of("/run/netns/A"));
}

TEST_F(CnitoolTest, EnvironmentGivesWhatTheReferencesToolReads) {
  environment_["CNI_IFNAME"] = "net1";
  environment_["CNI_ARGS"] = "A=1;B=2";
  environment_["CAP_ARGS"] = R"({"portMappings":[{"hostPort":8080}]})";
  EXPECT_EQ(run({"add", "podnet", "/run/netns/A"}).exit_code, 0);
  const Json call = plugins_.calls().at(0);
  EXPECT_EQ(call["env"]["CNI_IFNAME"], "net1");
  EXPECT_EQ(call["env"]["CNI_ARGS"], "A=1;B=2");
  EXPECT_EQ(call["in"]["runtimeConfig"]["portMappings"][0]["hostPort"], 8080);
}

TEST_F(CnitoolTest, OptionsWinOverTheEnvironmentOnEitherSideOfTheCommand) {
  environment_["CNI_IFNAME"] = "net1";
  environment_["CNI_ARGS"] = "A=1";
  environment_["NETCONFPATH"] = "/nonexistent";
  const Ran ran = run({"--conf-dir", folder_.at("net.d"), "add", "podnet", "/run/netns/A", "-i",
                       "net2", "--args", "C=3", "--container-id", "mine", "--timeout", "60",
                       "--capability-args", R"({"portMappings":[]})"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const Json call = plugins_.calls().at(0);
  EXPECT_EQ(call["env"]["CNI_IFNAME"], "net2");
  EXPECT_EQ(call["env"]["CNI_ARGS"], "C=3");
  EXPECT_EQ(call["env"]["CNI_CONTAINERID"], "mine");
  EXPECT_EQ(call["in"]["runtimeConfig"]["portMappings"], Json::array());
}

TEST_F(CnitoolTest, AddCheckDelLeaveNothing) {
  EXPECT_EQ(run({"add", "podnet", "/run/netns/A"}).exit_code, 0);
  EXPECT_EQ(run({"check", "podnet", "/run/netns/A"}).exit_code, 0);
  EXPECT_EQ(run({"status", "podnet"}).exit_code, 0);
  EXPECT_EQ(run({"del", "podnet", "/run/netns/A"}).exit_code, 0);
  EXPECT_EQ(run({"del", "podnet", "/run/netns/A"}).exit_code, 0);
  EXPECT_THAT(folder_.names("cni/results"), IsEmpty());
  EXPECT_THAT(run({"check", "podnet", "/run/netns/A"}).err, HasSubstr("no cached result"));
}

TEST_F(CnitoolTest, FailedAddIsNotDeleted) {
  plugins_.add("two", {{"ADD", kFails}});
  const Ran ran = run({"add", "podnet", "/run/netns/A"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.err, "cnitool: plugin type=\"two\" failed (add): no\n");
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(plugins_.call_names(), ElementsAre("one ADD", "two ADD"));
}

TEST_F(CnitoolTest, DelNeedsNoNetnsWhenTheContainerIsNamed) {
  EXPECT_EQ(run({"del", "podnet", "--container-id", "c1"}).exit_code, 0);
  EXPECT_EQ(plugins_.calls().at(0)["env"]["CNI_NETNS"], "");
  EXPECT_EQ(run({"del", "podnet"}).exit_code, 2);
}

TEST_F(CnitoolTest, GcKeepsWhatItIsTold) {
  for (const char* id : {"c1", "c2", "c3"}) {
    EXPECT_EQ(run({"add", "podnet", "/run/netns/A", "--container-id", id}).exit_code, 0);
  }
  const Ran ran = run({"gc", "podnet", "--keep", "c1/eth0", "--keep", "c3/eth0"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(folder_.names("cni/results"), ElementsAre("podnet-c1-eth0", "podnet-c3-eth0"));
  EXPECT_EQ(run({"gc", "podnet", "/run/netns/unused"}).exit_code, 0);
  EXPECT_THAT(folder_.names("cni/results"), IsEmpty());
}

TEST_F(CnitoolTest, ListShowsTheCachedAttachments) {
  (void)run({"add", "podnet", "/run/netns/A", "--container-id", "c1"});
  (void)run({"add", "podnet", "/run/netns/B", "--container-id", "c2"});
  const Ran all = run({"list"});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.out, HasSubstr("podnet   c1         eth0    10.1.2.3/24  /run/netns/A\n"));
  const Json json = cni::parse_json(run({"list", "--json", "--container-id", "c2"}).out, "out");
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["containerID"], "c2");
  EXPECT_EQ(json[0]["addresses"], (Json{"10.1.2.3/24"}));
}

TEST_F(CnitoolTest, ListTellsFilesItCannotUse) {
  folder_.write("cni/results/broken", "{");
  const Ran ran = run({"list"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.err, HasSubstr("broken"));
}

TEST_F(CnitoolTest, NetworksNamesThemAndTellsFilesItCannotUse) {
  folder_.write("net.d/20.conflist", "{");
  const Ran ran = run({"networks"});
  EXPECT_EQ(ran.out, "podnet\n");
  EXPECT_THAT(ran.err, HasSubstr("20.conflist"));
}

TEST_F(CnitoolTest, ValidateIsSilentAboutNothingAndPrintsEverything) {
  EXPECT_EQ(run({"validate", "podnet"}).exit_code, 0);
  EXPECT_EQ(run({"validate"}).exit_code, 0);
  const std::string file =
      folder_.write("bad.conflist",
                    R"({"cniVersion":"1.1.0","name":"bad","pluguns":[],"plugins":[
         {"type":"one"},{"type":"gone"},
         {"type":"bridge","isGatway":true,"ipam":{"type":"host-local","subnets":"x"}}]})");
  plugins_.add(
      "one",
      {{"VERSION", {{"stdout", {{"cniVersion", "1.0.0"}, {"supportedVersions", {"1.0.0"}}}}}}});
  const Ran ran = run({"validate", file});
  EXPECT_EQ(ran.exit_code, 1);
  for (const char* problem :
       {"\"pluguns\": unknown key, did you mean \"plugins\"?",
        "plugins[2]: \"isGatway\": unknown key, did you mean \"isGateway\"?",
        "plugins[2]: \"ipam.subnets\": unknown key, did you mean \"subnet\"?",
        "\"one\" does not speak version 1.1.0", "find plugin \"gone\"", "find plugin \"bridge\"",
        "\"ipam\" of bridge: find plugin \"host-local\""}) {
    EXPECT_THAT(ran.err, HasSubstr(problem));
  }
}

TEST_F(CnitoolTest, ValidatePrintsEveryProblemOfAFileThatIsNotUsable) {
  const std::string file = folder_.write(
      "bad.conflist",
      R"({"name":"a b","cniVersion":"7","disableGC":1,"plugins":[{},{"type":"../x"}]})");
  const Ran ran = run({"validate", file});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(std::ranges::count(ran.err, '\n'), 5) << ran.err;
}

TEST_F(CnitoolTest, ValidateOfTheFolderFindsTheMalformedFile) {
  folder_.write("net.d/20.conf", "[]");
  const Ran ran = run({"validate"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("20.conf"));
  EXPECT_EQ(run({"validate", "nope"}).exit_code, 1);
}

TEST_F(CnitoolTest, VersionAsksEveryPluginOfAGivenPath) {
  folder_.write("plain/note.txt", "");
  const Ran ran = run({"version"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("cnitool 0."));
  EXPECT_THAT(ran.out, HasSubstr("one     0.1.0 0.2.0"));
  environment_.erase("CNI_PATH");
  EXPECT_THAT(run({"version"}).out, Not(HasSubstr("PLUGIN")));
}

TEST_F(CnitoolTest, WrongUsageIsToldBeforeAnythingIsTried) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"attach"},
      {"add"},
      {"add", "podnet"},
      {"add", "podnet", "/x", "extra"},
      {"add", "podnet", "/x", "--args", "A"},
      {"add", "podnet", "/x", "--args", "A="},
      {"add", "podnet", "/x", "--capability-args", "[]"},
      {"add", "podnet", "/x", "--capability-args", "{"},
      {"add", "podnet", "/x", "--timeout", "soon"},
      {"add", "podnet", "/x", "--timeout", "-1"},
      {"gc", "podnet", "--keep", "c1"},
      {"gc", "podnet", "--keep", "../c1/eth0"},
      {"list", "--nonsense"}};
  for (const auto& arguments : wrong) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_THAT(ran.err, HasSubstr("cnitool: ")) << testing::PrintToString(arguments);
  }
  EXPECT_THAT(plugins_.calls(), IsEmpty());
}

TEST_F(CnitoolTest, HelpTeaches) {
  const Ran ran = run({"--help"});
  EXPECT_EQ(ran.exit_code, 0);
  for (const char* text : {"Examples:", "NETCONFPATH", "CAP_ARGS", "Exit code: 0", "validate"}) {
    EXPECT_THAT(ran.out, HasSubstr(text));
  }
}

TEST_F(CnitoolTest, UnknownNetworkSaysWhatIsThere) {
  const Ran ran = run({"add", "podnte", "/run/netns/A"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("did you mean \"podnet\"?"));
}

TEST_F(CnitoolTest, AFailedVerbIsTheErrorOfThePluginOnStderrAndOne) {
  EXPECT_EQ(run({"add", "podnet", "/run/netns/A"}).exit_code, 0);
  for (const char* verb : {"check", "del", "gc", "status"}) {
    std::string name = verb;
    std::ranges::transform(name, name.begin(), ::toupper);
    plugins_.add("two", {{name, kFails}});
    std::vector<std::string> arguments = {verb, "podnet"};
    if (verb != std::string_view("gc") && verb != std::string_view("status")) {
      arguments.emplace_back("/run/netns/A");
    }
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 1) << verb;
    EXPECT_THAT(ran.err, HasSubstr(std::string("plugin type=\"two\" failed (") + verb + "): no"));
    EXPECT_THAT(ran.out, IsEmpty());
    // A DEL that failed is one to be repeated.
    EXPECT_THAT(folder_.names("cni/results").size(), verb == std::string_view("gc") ? 0 : 1);
    if (folder_.names("cni/results").empty()) {
      EXPECT_EQ(run({"add", "podnet", "/run/netns/A"}).exit_code, 0);
    }
  }
}

TEST_F(CnitoolTest, ArgumentsThatArePartlyEmptyNameThePair) {
  EXPECT_THAT(run({"add", "podnet", "/x", "--args", "A="}).err,
              HasSubstr("CNI_ARGS: invalid pair \"A=\", neither side may be empty"));
  EXPECT_THAT(run({"add", "podnet", "/x", "--capability-args", "[]"}).err,
              HasSubstr("CAP_ARGS: expected a JSON object, got"));
  EXPECT_THAT(run({"gc", "podnet", "--keep", "c1"}).err,
              HasSubstr("--keep: expected CONTAINERID/IFNAME, got \"c1\""));
  EXPECT_THAT(run({"list", "--nonsense"}).err, HasSubstr("cnitool --help tells more"));
}

TEST_F(CnitoolTest, FoldersThatCannotBeReadAreNamed) {
  ASSERT_EQ(::symlink("loop", folder_.at("loop").c_str()), 0);
  const Ran networks = run({"networks", "--conf-dir", folder_.at("loop")});
  EXPECT_EQ(networks.exit_code, 1);
  EXPECT_THAT(networks.err, HasSubstr("read folder " + folder_.at("loop")));
  folder_.write("cni/x", "");
  ASSERT_EQ(::symlink("results", folder_.at("cni/results").c_str()), 0);
  const Ran list = run({"list"});
  EXPECT_EQ(list.exit_code, 1);
  EXPECT_THAT(list.err, HasSubstr("read folder " + folder_.at("cni/results")));
}

TEST_F(CnitoolTest, ValidateOfNothingSaysHowToNameSomething) {
  const Ran none = run({"validate", "--conf-dir", folder_.at("none")});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("no net configurations found in " + folder_.at("none")));
  EXPECT_THAT(none.err, HasSubstr("another folder with --conf-dir"));
  const Ran missing = run({"validate", folder_.at("gone.conflist")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("open " + folder_.at("gone.conflist")));
  // Neither a list nor a plugin.
  const Ran array = run({"validate", folder_.write("array.conf", "[]")});
  EXPECT_EQ(array.exit_code, 1);
  EXPECT_THAT(array.err, HasSubstr("array.conf"));
}

TEST_F(CnitoolTest, ValidateOfASinglePluginFindsMisspeltKeys) {
  const Ran ran = run({"validate", folder_.write("one.conf", R"({"cniVersion":"1.1.0","name":"n",
      "type":"one","dnss":{}})")});
  EXPECT_EQ(ran.exit_code, run({"validate", "podnet"}).exit_code) << ran.err;
  const Ran bridge = run({"validate", folder_.write("two.conf", R"({"cniVersion":"1.1.0",
      "name":"n","type":"bridge","isGatway":true})")});
  EXPECT_EQ(bridge.exit_code, 1);
  EXPECT_THAT(bridge.err, HasSubstr("\"isGatway\": unknown key, did you mean \"isGateway\"?"));
}

TEST_F(CnitoolTest, ListShowsAResultThatIsNoneAsAQuestionMark) {
  (void)run({"add", "podnet", "/run/netns/A", "--container-id", "c1"});
  cni::Json cached = cni::parse_json(
      read_file(folder_.at("cni/results/podnet-c1-eth0"), std::size_t{1} << 20U), "cache");
  cached["result"] = {{"cniVersion", "1.0.0"}, {"ips", {{{"address", "nowhere"}}}}};
  folder_.write("cni/results/podnet-c1-eth0", cni::dump(cached));
  EXPECT_THAT(run({"list"}).out, HasSubstr("podnet   c1         eth0    ?"));
}

TEST_F(CnitoolTest, VersionTellsOfAPluginThatGivesNoAnswer) {
  plugins_.add("two", {{"VERSION", {{"stdout", "no JSON"}}}});
  const Ran ran = run({"version"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("one     0.1.0 0.2.0"));
  EXPECT_THAT(ran.out, HasSubstr("two     answer of two to VERSION: not JSON"));
}

TEST_F(CnitoolTest, AnAnswerThatCannotBeWrittenIsAFailure) {
  const test::ProgramOutput output =
      test::run_program({"sh", "-c", "\"$0\" --help >/dev/full", LINNET_BIN_DIR "/cnitool"});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.standard_error, HasSubstr("write stdout: no space left on device"));
  const test::ProgramOutput wrong = test::run_program({LINNET_BIN_DIR "/cnitool", "attach"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_EQ(wrong.standard_output, "");
  EXPECT_THAT(wrong.standard_error, HasSubstr("cnitool --help tells more"));
}

TEST_F(CnitoolTest, MissingPluginSaysHowToSetThePath) {
  environment_["CNI_PATH"] = folder_.path();
  EXPECT_THAT(run({"add", "podnet", "/run/netns/A"}).err, HasSubstr("add its folder to CNI_PATH"));
}

}  // namespace
}  // namespace linnet::cnitool
