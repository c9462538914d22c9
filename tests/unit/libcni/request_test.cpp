#include "libcni/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/expect_error.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Variables = std::map<std::string, std::string>;

std::optional<Request> parse(Variables variables) {
  return parse_request([&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

Variables complete(const std::string& verb) {
  return {{"CNI_COMMAND", verb},  {"CNI_CONTAINERID", "c1"}, {"CNI_NETNS", "/run/netns/x"},
          {"CNI_IFNAME", "eth0"}, {"CNI_ARGS", "A=B"},       {"CNI_PATH", "/a::/b"}};
}

TEST(Request, IsAbsentWithoutACommand) {
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({{"CNI_COMMAND", ""}}));
}

TEST(Request, HoldsWhatTheEnvironmentSays) {
  const Request request = *parse(complete("ADD"));
  EXPECT_EQ(request.verb, Verb::kAdd);
  EXPECT_EQ(request.container_id, "c1");
  EXPECT_EQ(request.netns, "/run/netns/x");
  EXPECT_EQ(request.ifname, "eth0");
  EXPECT_EQ(request.args, "A=B");
  EXPECT_THAT(request.path, ElementsAre("/a", "/b"));
}

TEST(Request, UnknownCommandIsNamed) {
  expect_error(Code::kInvalidEnvironment, "unknown CNI_COMMAND: add", [] {
    (void)parse({{"CNI_COMMAND", "add"}});
  });
}

TEST(Request, AllMissingVariablesOfAVerbAreInOneError) {
  const std::map<std::string, std::string> missing = {
      {"ADD", "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH]"},
      {"DEL", "[CNI_CONTAINERID,CNI_IFNAME,CNI_PATH]"},
      {"CHECK", "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH]"},
      {"GC", "[CNI_PATH]"},
      {"STATUS", "[CNI_PATH]"}};
  for (const auto& [verb, names] : missing) {
    expect_error(Code::kInvalidEnvironment, "required env variables " + names + " missing", [&] {
      (void)parse({{"CNI_COMMAND", verb}});
    });
  }
}

TEST(Request, WrongNameIsReportedBeforeMissingOnes) {
  expect_error(Code::kInvalidEnvironment, "CNI_IFNAME: \"a/b\"", [] {
    (void)parse({{"CNI_COMMAND", "ADD"}, {"CNI_IFNAME", "a/b"}});
  });
  expect_error(Code::kInvalidEnvironment, "CNI_CONTAINERID: \"../x\"", [] {
    (void)parse({{"CNI_COMMAND", "DEL"}, {"CNI_CONTAINERID", "../x"}});
  });
}

TEST(Request, VersionValidatesNothing) {
  const auto request = parse({{"CNI_COMMAND", "VERSION"},
                              {"CNI_IFNAME", "a/b"},
                              {"CNI_CONTAINERID", "../.."},
                              {"CNI_NETNS", "dummy"}});
  EXPECT_EQ(request->verb, Verb::kVersion);
}

TEST(Request, VerbsAboutNoAttachmentNeitherValidateNorKeepOne) {
  for (const char* verb : {"GC", "STATUS", "VERSION"}) {
    Variables variables = complete(verb);
    variables["CNI_CONTAINERID"] = "../etc";
    variables["CNI_IFNAME"] = "a b";
    const Request request = *parse(variables);
    EXPECT_THAT(request.container_id, IsEmpty());
    EXPECT_THAT(request.ifname, IsEmpty());
  }
}

TEST(Request, DelNeedsNoNetns) {
  Variables variables = complete("DEL");
  variables.erase("CNI_NETNS");
  EXPECT_THAT(parse(variables)->netns, IsEmpty());
}

TEST(ContainerId, FollowsTheSpecificationsExpression) {
  for (const char* id : {"a", "0", "a.b-c_D9", "cnitool-77383ca0a0715733ca6f"}) {
    EXPECT_THAT(problem_with_container_id(id), IsEmpty()) << id;
  }
  for (const char* id : {"", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "ä", "a;b"}) {
    EXPECT_FALSE(problem_with_container_id(id).empty()) << id;
  }
}

TEST(ContainerId, IsBoundedSoThatFileNamesMadeOfItArePossible) {
  EXPECT_THAT(problem_with_container_id(std::string(200, 'a')), IsEmpty());
  EXPECT_THAT(problem_with_container_id(std::string(201, 'a')), testing::HasSubstr("201 bytes"));
  EXPECT_THAT(problem_with_network_name(std::string(255, 'a')), IsEmpty());
  EXPECT_THAT(problem_with_network_name(std::string(256, 'a')), testing::HasSubstr("256 bytes"));
}

TEST(Ifname, FollowsTheKernelsRule) {
  for (const char* name : {"eth0", "lo", "a.b", "123456789012345", "ä"}) {
    EXPECT_THAT(problem_with_ifname(name), IsEmpty()) << name;
  }
  for (const char* name : {"", ".", "..", "a/b", "a:b", "a b", "a\tb", "1234567890123456",
                           "a\xc2\xa0"
                           "b",
                           "a\xe3\x80\x80", "\xe2\x80\x83"}) {
    EXPECT_FALSE(problem_with_ifname(name).empty()) << name;
  }
  EXPECT_FALSE(problem_with_ifname(std::string_view("eth\0name", 8)).empty());
}

TEST(PluginType, IsAPlainName) {
  EXPECT_THAT(problem_with_plugin_type("host-local"), IsEmpty());
  for (const char* type : {"", ".", "..", "../x", "/bin/sh", "a/b"}) {
    EXPECT_FALSE(problem_with_plugin_type(type).empty()) << type;
  }
}

TEST(Args, AreReadInTheirOrder) {
  EXPECT_THAT(parse_args("B=1;A=;B=2"), ElementsAre(Pair("B", "1"), Pair("A", ""), Pair("B", "2")));
  EXPECT_THAT(parse_args(""), IsEmpty());
}

TEST(Args, NeedExactlyOneEqualsSignAPair) {
  for (const char* args : {"A", "A=B=C", "A=B;", ";", "A=B;;C=D"}) {
    expect_error(Code::kInvalidEnvironment, "CNI_ARGS: invalid pair",
                 [&] { (void)parse_args(args); });
  }
}

TEST(KnownArgs, RefuseUnknownKeysAndSayHowToLetThemPass) {
  constexpr std::array<std::string_view, 1> kKnown = {"MAC"};
  expect_error(Code::kInvalidEnvironment, "unknown args [\"IP=1.2.3.4\" \"X=\"]",
               [&] { (void)known_args("IP=1.2.3.4;X=;MAC=m", kKnown); });
  expect_error(Code::kInvalidEnvironment, "known here: MAC; IgnoreUnknown=1",
               [&] { (void)known_args("mac=m", kKnown); });
}

TEST(KnownArgs, IgnoreUnknownCountsWhereverItStands) {
  constexpr std::array<std::string_view, 1> kKnown = {"IP"};
  for (const char* args : {"IgnoreUnknown=1;X=1;IP=a", "X=1;IP=a;IgnoreUnknown=TRUE"}) {
    EXPECT_THAT(known_args(args, kKnown), ElementsAre(Pair("IP", "a")));
  }
  expect_error(Code::kInvalidEnvironment, "unknown args",
               [&] { (void)known_args("X=1;IgnoreUnknown=0", kKnown); });
  expect_error(Code::kInvalidEnvironment, "IgnoreUnknown: expected 1, 0, true or false",
               [&] { (void)known_args("IgnoreUnknown=yes", kKnown); });
}

}  // namespace
}  // namespace linnet::cni
