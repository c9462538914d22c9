#include "libcni/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/error.h"
#include "tests/support/expect_error.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseJson, SaysWhereADocumentStopsBeingJson) {
  expect_error(Code::kDecodingFailure, "the configuration: not JSON at line 2, column",
               [] { (void)parse_json("{\"a\":\n}", "the configuration"); });
  expect_error(Code::kDecodingFailure, "got nothing", [] { (void)parse_json(" \n", "x"); });
  expect_error(Code::kDecodingFailure, "not JSON", [] { (void)parse_json("{} {}", "x"); });
  expect_error(Code::kDecodingFailure, "not JSON", [] { (void)parse_json("\"\xff\"", "x"); });
}

TEST(ParseJson, TakesNestingOf128LevelsAndRefusesMore) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW((void)parse_json(nested(128), "x"));
  expect_error(Code::kDecodingFailure, "nested deeper than 128 levels",
               [&] { (void)parse_json(nested(129), "x"); });
  expect_error(Code::kDecodingFailure, "nested deeper",
               [] { (void)parse_json(std::string(5000000, '['), "x"); });
}

TEST(ParseJson, DoesNotCountBracketsInStrings) {
  const std::string text = "[\"" + std::string(500, '[') + "\\\"" + std::string(500, '{') + "\"]";
  EXPECT_EQ(parse_json(text, "x").size(), 1U);
}

TEST(Dump, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(dump(Json{{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}");
}

TEST(FindKey, PrefersTheExactNameAndElseIgnoresCase) {
  const Json both = {{"hostport", 1}, {"hostPort", 2}};
  EXPECT_EQ(*find_key(both, "hostPort"), 2);
  EXPECT_EQ(*find_key(Json{{"HostPort", 3}}, "hostPort"), 3);
}

TEST(FindKey, TakesNullForAbsent) {
  EXPECT_EQ(find_key(Json{{"a", nullptr}}, "a"), nullptr);
  EXPECT_EQ(find_key(Json::array(), "a"), nullptr);
  EXPECT_EQ(find_key(Json{{"b", 1}}, "a"), nullptr);
}

TEST(ObjectReader, NamesKeyAndValueOfAWrongType) {
  const Json json = {{"mtu", "1500"}, {"list", {1}}, {"flag", "yes"}, {"name", 5}, {"sub", 1}};
  ObjectReader reader(json, "");
  const auto config = Code::kInvalidNetworkConfig;
  expect_error(config, "\"mtu\": expected an integer, got \"1500\"",
               [&] { (void)reader.integer("mtu", 0, 9); });
  expect_error(config, "\"list[0]\": expected a string, got 1",
               [&] { (void)reader.text_list("list"); });
  expect_error(config, "\"flag\": expected true or false, got \"yes\"",
               [&] { (void)reader.boolean("flag"); });
  expect_error(config, "\"flag\": expected true or false, got \"yes\"",
               [&] { (void)reader.lenient_boolean("flag"); });
  expect_error(config, "\"name\": expected a string, got 5", [&] { (void)reader.text("name"); });
  expect_error(config, "\"sub\": expected an object, got 1", [&] { (void)reader.object("sub"); });
  expect_error(config, "\"sub\": expected a list, got 1", [&] { (void)reader.array("sub"); });
}

TEST(ObjectReader, ShowsThePathOfNestedObjects) {
  const Json json = {{"subnet", 1}};
  ObjectReader reader(json, "ipam.ranges[0][1]", Code::kDecodingFailure);
  EXPECT_EQ(reader.name_of("subnet"), "ipam.ranges[0][1].subnet");
  expect_error(Code::kDecodingFailure, "\"ipam.ranges[0][1].subnet\": expected a string",
               [&] { (void)reader.text("subnet"); });
  expect_error(Code::kInvalidNetworkConfig, "\"ipam\": expected an object, got a list", [] {
    const Json list = Json::array();
    ObjectReader(list, "ipam");
  });
}

TEST(ObjectReader, BoundsIntegersOfEverySize) {
  const Json json = parse_json(
      R"({"max": 9223372036854775807, "over": 18446744073709551615, "huge": 1e300, "whole": 3.0,
          "half": 1.5, "low": -1})",
      "x");
  ObjectReader reader(json, "");
  EXPECT_EQ(reader.integer("max", 0, INT64_MAX), INT64_MAX);
  EXPECT_EQ(reader.integer("whole", 0, 9), 3);
  for (const char* key : {"over", "huge", "low"}) {
    expect_error(Code::kInvalidNetworkConfig, "expected an integer from 0 to",
                 [&] { (void)reader.integer(key, 0, INT64_MAX); });
  }
  expect_error(Code::kInvalidNetworkConfig, "expected an integer, got 1.5",
               [&] { (void)reader.integer("half", 0, 9); });
}

TEST(ObjectReader, TakesNullAndMissingForAbsent) {
  const Json json = {{"a", nullptr}};
  ObjectReader reader(json, "");
  for (const char* key : {"a", "b"}) {
    EXPECT_FALSE(reader.text(key));
    EXPECT_FALSE(reader.boolean(key));
    EXPECT_FALSE(reader.lenient_boolean(key));
    EXPECT_FALSE(reader.integer(key, 0, 1));
    EXPECT_FALSE(reader.text_list(key));
    EXPECT_EQ(reader.any(key), nullptr);
  }
}

TEST(ObjectReader, LenientBooleanTakesWordsInAnyCase) {
  const Json json = {{"a", "TRUE"}, {"b", "False"}, {"c", true}};
  ObjectReader reader(json, "");
  EXPECT_EQ(reader.lenient_boolean("a"), true);
  EXPECT_EQ(reader.lenient_boolean("b"), false);
  EXPECT_EQ(reader.lenient_boolean("c"), true);
}

TEST(ObjectReader, SuggestsTheKeyThatAMisspeltOneMeant) {
  const Json json = {
      {"isGatway", true}, {"MTU", 1}, {"type", "x"}, {"zzz", 1}, {"cni.dev/attachments", 1}};
  ObjectReader reader(json, "");
  (void)reader.any("isGateway");
  (void)reader.any("mtu");
  EXPECT_THAT(reader.unknown_keys({"type"}),
              ElementsAre("\"isGatway\": unknown key, did you mean \"isGateway\"?",
                          HasSubstr("\"zzz\": unknown key")));
}

}  // namespace
}  // namespace linnet::cni
