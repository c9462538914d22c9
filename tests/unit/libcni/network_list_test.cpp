#include "libcni/network_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto kConfig = Code::kInvalidNetworkConfig;

std::string list_text(const std::string& name, const std::string& more = "") {
  return R"({"cniVersion":"1.0.0","name":")" + name + R"(","plugins":[{"type":"bridge"}])" + more +
         "}";
}

std::vector<std::string> types_of(const NetworkList& list) {
  std::vector<std::string> types;
  for (const PluginConf& plugin : list.plugins) {
    types.push_back(plugin.type);
  }
  return types;
}

TEST(NetworkList, HoldsWhatTheTextSays) {
  const std::string text =
      R"({"cniVersion":"1.0.0","name":"n","disableCheck":"True","disableGC":true,
          "loadOnlyInlinedPlugins":"false",
          "plugins":[{"type":"a","capabilities":{"mac":true,"ips":false},"x":1},{"type":"b"}]})";
  const NetworkList list = parse_network_list(text, "here");
  EXPECT_EQ(list.name, "n");
  EXPECT_EQ(list.cni_version, "1.0.0");
  EXPECT_TRUE(list.disable_check);
  EXPECT_TRUE(list.disable_gc);
  EXPECT_FALSE(list.load_only_inlined_plugins);
  EXPECT_THAT(types_of(list), ElementsAre("a", "b"));
  EXPECT_THAT(list.plugins[0].capabilities, ElementsAre("mac"));
  EXPECT_EQ(list.plugins[0].json["x"], 1);
  EXPECT_EQ(list.raw, text);
  EXPECT_EQ(list.source, "here");
}

TEST(NetworkList, ErrorNamesSourceKeyAndValue) {
  const auto parse = [](const char* text) {
    return [text] { (void)parse_network_list(text, "/etc/x.conflist"); };
  };
  expect_error(Code::kDecodingFailure, "/etc/x.conflist: the list: not JSON", parse("{"));
  expect_error(kConfig, "/etc/x.conflist: \"name\"", parse(R"({"plugins":[{"type":"a"}]})"));
  expect_error(kConfig, "no plugins in list", parse(R"({"name":"n","plugins":[]})"));
  expect_error(kConfig, "no plugin configs found", parse(R"({"name":"n"})"));
  expect_error(kConfig, "belongs into a .conf file", parse(R"({"name":"n","type":"bridge"})"));
  expect_error(kConfig, "although \"loadOnlyInlinedPlugins\" is true",
               parse(R"({"name":"n","loadOnlyInlinedPlugins":true})"));
  expect_error(kConfig, "\"plugins[1].type\"",
               parse(R"({"name":"n","plugins":[{"type":"a"},{}]})"));
  expect_error(kConfig, "\"../a\" is not the plain name",
               parse(R"({"name":"n","plugins":[{"type":"../a"}]})"));
  expect_error(kConfig, "\"plugins[0].capabilities.mac\": expected true or false, got 1",
               parse(R"({"name":"n","plugins":[{"type":"a","capabilities":{"mac":1}}]})"));
  expect_error(kConfig, "\"disableCheck\": expected true or false, got \"maybe\"",
               parse(R"({"name":"n","disableCheck":"maybe","plugins":[{"type":"a"}]})"));
}

TEST(NetworkList, ErrorTellsEverythingThatIsWrong) {
  try {
    (void)parse_network_list(
        R"({"name":"a/b","cniVersion":"9.9.9","disableGC":5,"plugins":[{"type":"../x"},5]})", "f");
    FAIL();
  } catch (const NetworkListError& error) {
    EXPECT_THAT(
        error.problems(),
        ElementsAre(HasSubstr("\"name\""), HasSubstr("\"cniVersion\""), HasSubstr("\"disableGC\""),
                    HasSubstr("\"plugins[0].type\""), HasSubstr("\"plugins[1]\"")));
    EXPECT_THAT(error.what(), HasSubstr("f: \"name\""));
    EXPECT_THAT(error.what(), HasSubstr("\"plugins[1]\""));
  }
}

TEST(NetworkList, TakesTheNewestVersionKnownHere) {
  const auto version = [](const std::string& members) {
    return parse_network_list(R"({"name":"n","plugins":[{"type":"a"}])" + members + "}", "x")
        .cni_version;
  };
  EXPECT_EQ(version(""), "0.1.0");
  EXPECT_EQ(version(R"(,"cniVersion":"0.4.0")"), "0.4.0");
  EXPECT_EQ(version(R"(,"cniVersion":"0.4.0","cniVersions":["1.1.0","0.3.1","7.0.0"])"), "1.1.0");
  EXPECT_EQ(version(R"(,"cniVersions":["0.3.1","1.0.0"])"), "1.0.0");
  EXPECT_EQ(version(R"(,"cniVersion":"1.0.0","cniVersions":["0.4.0"])"), "1.0.0");
  expect_error(kConfig, "unknown version \"9.0.0\"",
               [&] { (void)version(R"(,"cniVersion":"9.0.0")"); });
}

TEST(NetworkList, SinglePluginBecomesAListOfOne) {
  const NetworkList list = parse_single_network(
      R"({"cniVersion":"0.4.0","name":"n","type":"bridge","mtu":1400})", "x.conf");
  EXPECT_THAT(types_of(list), ElementsAre("bridge"));
  EXPECT_EQ(parse_network_list(list.raw, "again").plugins[0].json["mtu"], 1400);
  expect_error(kConfig, "x.conf: \"plugins\": a list belongs into a .conflist file",
               [] { (void)parse_single_network(list_text("n"), "x.conf"); });
}

class NetworkFolderTest : public testing::Test {
 protected:
  test::TempFolder folder_;
};

TEST_F(NetworkFolderTest, ListsComeInTheOrderOfTheirNamesThenSinglePlugins) {
  folder_.write("20.conflist", list_text("b"));
  folder_.write("10.conflist", list_text("a"));
  folder_.write("00.conf", R"({"name":"c","type":"x"})");
  folder_.write("01.json", R"({"name":"d","type":"x"})");
  folder_.write("30.txt", "not looked at");
  folder_.write("below/40.conflist", list_text("e"));
  std::vector<std::string> names;
  for (const NetworkList& list : list_networks(folder_.path()).networks) {
    names.push_back(list.name);
  }
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d"));
}

TEST_F(NetworkFolderTest, MalformedFileDoesNotHideTheOthers) {
  folder_.write("00.conflist", "{");
  folder_.write("05.conflist", R"({"name":"n"})");
  ASSERT_EQ(::symlink("/nonexistent", folder_.at("07.conflist").c_str()), 0);
  folder_.write("10.conflist", list_text("n"));
  folder_.write("20.conf", "[]");
  const NetworkFolder found = list_networks(folder_.path());
  EXPECT_THAT(found.networks, SizeIs(1));
  EXPECT_THAT(found.malformed, SizeIs(4));
  EXPECT_THAT(found.malformed[0].problem, HasSubstr("00.conflist"));
  EXPECT_EQ(load_network(folder_.path(), "n").source, folder_.at("10.conflist"));
}

TEST_F(NetworkFolderTest, FirstListOfTheNameWins) {
  folder_.write("20.conflist", list_text("n", R"(,"disableGC":true)"));
  folder_.write("10.conflist", list_text("n"));
  folder_.write("00.conf", R"({"name":"n","type":"x"})");
  EXPECT_EQ(load_network(folder_.path(), "n").source, folder_.at("10.conflist"));
}

TEST_F(NetworkFolderTest, NameNotFoundSaysWhatIsThereInstead) {
  folder_.write("10.conflist", list_text("podnet"));
  folder_.write("20.conflist", "{");
  const auto load = [&](const char* name) {
    return [this, name] { (void)load_network(folder_.path(), name); };
  };
  expect_error(kConfig, "no net configuration with name \"podnte\"", load("podnte"));
  expect_error(kConfig, "did you mean \"podnet\"?", load("podnte"));
  expect_error(kConfig, "networks there: podnet", load("zzz"));
  expect_error(kConfig, "20.conflist: the list: not JSON", load("zzz"));
}

TEST_F(NetworkFolderTest, EmptyOrMissingFolderIsToldAsSuch) {
  EXPECT_THAT(list_networks(folder_.at("none")).networks, IsEmpty());
  expect_error(kConfig, "no net configurations found in " + folder_.path(),
               [&] { (void)load_network(folder_.path(), "n"); });
}

TEST_F(NetworkFolderTest, PluginsBesideTheListFollowItsOwn) {
  folder_.write("10.conflist", list_text("n"));
  folder_.write("n/20.conf", R"({"type":"second"})");
  folder_.write("n/10.conf", R"({"type":"first"})");
  folder_.write("n/30.conflist", "not looked at");
  EXPECT_THAT(types_of(load_network(folder_.path(), "n")),
              ElementsAre("bridge", "first", "second"));
}

TEST_F(NetworkFolderTest, PluginsBesideTheListAreEnough) {
  folder_.write("10.conflist", R"({"name":"n"})");
  folder_.write("n/10.conf", R"({"type":"first"})");
  EXPECT_THAT(types_of(load_network(folder_.path(), "n")), ElementsAre("first"));
}

TEST_F(NetworkFolderTest, ListMayRefuseThePluginsBesideIt) {
  folder_.write("10.conflist", list_text("n", R"(,"loadOnlyInlinedPlugins":"TRUE")"));
  folder_.write("n/10.conf", "{");
  EXPECT_THAT(types_of(load_network(folder_.path(), "n")), ElementsAre("bridge"));
}

TEST_F(NetworkFolderTest, MalformedPluginBesideTheListIsNamedByItsPath) {
  folder_.write("10.conflist", list_text("n"));
  folder_.write("n/10.conf", "{}");
  expect_error(kConfig, folder_.at("n/10.conf") + ": \"type\"",
               [&] { (void)load_network(folder_.path(), "n"); });
}

}  // namespace
}  // namespace linnet::cni
