#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/request.h"
#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

NetConf parse(const std::string& text, Verb verb = Verb::kAdd) {
  return parse_net_conf(text, verb, kAllVersions);
}

std::string with_version(std::string_view version, std::string_view more = "") {
  return R"({"name":"n","type":"bridge","cniVersion":")" + std::string(version) + "\"" +
         std::string(more) + "}";
}

std::string prev_result(std::string_view version) {
  return R"(,"prevResult":{"cniVersion":")" + std::string(version) +
         R"(","ips":[{"address":"10.0.0.2/24","version":"4"}],"ip4":{"ip":"10.0.0.2/24"}})";
}

TEST(NetConf, HoldsWhatEveryPluginShares) {
  const NetConf conf = parse(
      R"({"cniVersion":"1.0.0","name":"n","type":"bridge","ipam":{"type":"host-local"},
          "dns":{"nameservers":["1.1.1.1"]}})");
  EXPECT_EQ(conf.cni_version, "1.0.0");
  EXPECT_EQ(conf.name, "n");
  EXPECT_EQ(conf.type, "bridge");
  EXPECT_EQ(conf.ipam_type, "host-local");
  EXPECT_TRUE(conf.dns_given);
  EXPECT_THAT(conf.dns.nameservers, ElementsAre("1.1.1.1"));
  EXPECT_FALSE(conf.prev_result);
}

TEST(NetConf, KeepsTheTextForDelegatesByteForByte) {
  const std::string text = " {\"name\" : \"n\",\n\"x\":1.50 } ";
  EXPECT_EQ(parse(text).raw, text);
}

TEST(NetConf, WithoutAVersionIsOfTheFirstOne) {
  EXPECT_EQ(parse(R"({"name":"n"})").cni_version, "0.1.0");
  EXPECT_EQ(parse(R"({"name":"n","cniVersion":""})").cni_version, "0.1.0");
}

TEST(NetConf, WhatIsNoJsonObjectIsADecodingFailure) {
  for (const char* text : {"", "{", "[]", "null", "5", "\"x\""}) {
    expect_error(Code::kDecodingFailure, "the configuration on stdin", [&] { (void)parse(text); });
  }
}

TEST(NetConf, NeedsAValidNameForEveryVerb) {
  for (const Verb verb : {Verb::kAdd, Verb::kDel, Verb::kCheck, Verb::kGc, Verb::kStatus}) {
    const auto config = Code::kInvalidNetworkConfig;
    expect_error(config, "missing network name", [&] { (void)parse("{}", verb); });
    expect_error(config, "missing network name", [&] { (void)parse(R"({"name":""})", verb); });
    expect_error(config, "\"name\": \"../x\"", [&] { (void)parse(R"({"name":"../x"})", verb); });
  }
}

TEST(NetConf, UnknownVersionIsRefusedWithWhatIsSupported) {
  for (const char* version : {"9.9.9", "1.0.1", "abc", "0.3"}) {
    expect_error(Code::kIncompatibleVersion, "incompatible CNI versions",
                 [&] { (void)parse(with_version(version)); });
  }
  constexpr std::array<std::string_view, 2> kSome = {"0.4.0", "1.0.0"};
  expect_error(Code::kIncompatibleVersion, "config is \"1.1.0\", plugin supports [0.4.0 1.0.0]",
               [&] { (void)parse_net_conf(with_version("1.1.0"), Verb::kAdd, kSome); });
}

TEST(NetConf, VerbsAreGatedByTheVersionThatBroughtThem) {
  for (const auto& [verb, name, since] : {std::tuple{Verb::kCheck, "CHECK", "0.4.0"},
                                          {Verb::kGc, "GC", "1.1.0"},
                                          {Verb::kStatus, "STATUS", "1.1.0"}}) {
    for (const std::string_view version : kAllVersions) {
      const std::string text = with_version(version, prev_result(version));
      if (at_least(version, since)) {
        EXPECT_NO_THROW((void)parse(text, verb)) << name << version;
      } else {
        expect_error(Code::kIncompatibleVersion,
                     std::string("config version does not allow ") + name,
                     [&, v = verb] { (void)parse(text, v); });
      }
    }
  }
}

TEST(NetConf, GateAlsoAsksThePlugin) {
  constexpr std::array<std::string_view, 1> kOld = {"0.3.1"};
  expect_error(Code::kIncompatibleVersion, "plugin version does not allow CHECK",
               [&] { (void)parse_net_conf(with_version("0.4.0"), Verb::kCheck, kOld); });
}

TEST(NetConf, TakesAPrevResultOfItsVersionsFamilyOnly) {
  for (const std::string_view config : kAllVersions) {
    for (const std::string_view result : kAllVersions) {
      const std::string text = with_version(config, prev_result(result));
      if (same_result_family(config, result)) {
        EXPECT_EQ(parse(text).prev_result->ips.size(), 1U) << config << ' ' << result;
      } else {
        expect_error(Code::kInvalidNetworkConfig, "\"prevResult.cniVersion\": a result of",
                     [&] { (void)parse(text); });
      }
    }
  }
}

TEST(NetConf, PrevResultWithoutAVersionHasTheConfigurations) {
  const NetConf conf =
      parse(with_version("1.0.0", R"(,"prevResult":{"ips":[{"address":"10.0.0.2/24"}]})"));
  EXPECT_EQ(conf.prev_result->ips.size(), 1U);
}

TEST(NetConf, CheckWithoutPrevResultIsRefused) {
  expect_error(Code::kInvalidNetworkConfig, "\"prevResult\": missing",
               [] { (void)parse(with_version("1.0.0"), Verb::kCheck); });
}

TEST(NetConf, CleaningUpGoesOnWithoutTheOptionalPartsThatAreMalformed) {
  const std::string text =
      with_version("1.1.0", R"(,"prevResult":{"ips":5},"dns":[],"ipam":"host-local")");
  for (const Verb verb : {Verb::kDel, Verb::kGc}) {
    testing::internal::CaptureStderr();
    const NetConf conf = parse(text, verb);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_FALSE(conf.prev_result);
    EXPECT_FALSE(conf.dns_given);
    EXPECT_THAT(conf.ipam_type, IsEmpty());
    EXPECT_THAT(log, HasSubstr("\"prevResult.ips\": expected a list, got 5"));
    EXPECT_THAT(log, HasSubstr("\"ipam\""));
  }
  expect_error(Code::kInvalidNetworkConfig, "\"ipam\"", [&] { (void)parse(text); });
}

TEST(NetConf, CleaningUpIgnoresAPrevResultOfAnotherFamily) {
  testing::internal::CaptureStderr();
  EXPECT_FALSE(parse(with_version("1.0.0", prev_result("0.4.0")), Verb::kDel).prev_result);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("0.4.0"));
}

TEST(NetConf, GcReadsTheValidAttachmentsAndTheirDraftName) {
  const std::string list =
      R"([{"containerID":"a","ifname":"eth0"},{"containerid":"b","IFName":"x"}])";
  for (const std::string& more :
       {R"(,"cni.dev/valid-attachments":)" + list, R"(,"cni.dev/attachments":)" + list,
        R"(,"cni.dev/attachments":[],"cni.dev/valid-attachments":)" + list}) {
    EXPECT_THAT(parse(with_version("1.1.0", more), Verb::kGc).valid_attachments,
                ElementsAre(AttachmentKey{"a", "eth0"}, AttachmentKey{"b", "x"}));
  }
}

TEST(NetConf, GcWithoutAListHasNothingValid) {
  EXPECT_THAT(parse(with_version("1.1.0"), Verb::kGc).valid_attachments, IsEmpty());
  EXPECT_THAT(parse(with_version("1.1.0", R"(,"cni.dev/valid-attachments":null)"), Verb::kGc)
                  .valid_attachments,
              IsEmpty());
}

TEST(NetConf, GcRefusesAListItCannotReadRatherThanCollectEverything) {
  for (const char* list : {"5", "{}", "[5]", R"([{"containerID":"a"}])", R"([{"ifname":"a"}])",
                           R"([{"containerID":1,"ifname":"a"}])"}) {
    expect_error(Code::kInvalidNetworkConfig, "cni.dev/valid-attachments", [&] {
      (void)parse(with_version("1.1.0", std::string(R"(,"cni.dev/valid-attachments":)") + list),
                  Verb::kGc);
    });
  }
}

}  // namespace
}  // namespace linnet::cni
