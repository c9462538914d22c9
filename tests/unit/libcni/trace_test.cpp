// What real callers send is understood, and what the reference plugins answered survives our
// reading and writing.

#include "tests/support/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "libcni/request.h"
#include "libcni/result.h"
#include "libcni/version.h"

namespace linnet::cni {
namespace {

class Trace : public testing::TestWithParam<std::string> {
 protected:
  std::vector<test::RecordedCall> calls_ = test::read_trace(GetParam());
};

TEST_P(Trace, EveryRequestParsesAsTheVerbItWasSentWith) {
  ASSERT_FALSE(calls_.empty());
  for (const test::RecordedCall& call : calls_) {
    const std::optional<Request> request = parse_request(call.environment());
    ASSERT_TRUE(request) << call.title();
    EXPECT_EQ(verb_name(request->verb), call.verb) << call.title();
    EXPECT_EQ(request->netns, call.netns) << call.title();
  }
}

TEST_P(Trace, EveryConfigurationParses) {
  for (const test::RecordedCall& call : calls_) {
    const Verb verb = parse_request(call.environment())->verb;
    if (verb != Verb::kVersion) {
      const NetConf conf = parse_net_conf(call.input, verb, kAllVersions);
      EXPECT_EQ(conf.type, call.is_delegation() ? call.by : call.plugin) << call.title();
      EXPECT_EQ(conf.ipam_type.empty(), conf.type != "bridge" && conf.type != "ptp")
          << call.title();
    }
  }
}

TEST_P(Trace, EveryPrevResultIsKept) {
  for (const test::RecordedCall& call : calls_) {
    const Verb verb = parse_request(call.environment())->verb;
    const Json* before = find_key(parse_json(call.input, call.title()), "prevResult");
    if (verb != Verb::kVersion) {
      EXPECT_EQ(parse_net_conf(call.input, verb, kAllVersions).prev_result.has_value(),
                before != nullptr)
          << call.title();
    }
  }
}

TEST_P(Trace, EveryArgumentListIsReadInWhateverOrderItCame) {
  constexpr std::array<std::string_view, 2> kKnown = {"IP", "MAC"};
  for (const test::RecordedCall& call : calls_) {
    EXPECT_NO_THROW((void)known_args(call.args, kKnown)) << call.title();
    const auto pairs = parse_args(call.args);
    const bool kubernetes = call.args.find("K8S_POD_NAME") != std::string::npos;
    EXPECT_EQ(kubernetes, std::ranges::any_of(
                              pairs, [](const auto& pair) { return pair.first == "K8S_POD_NAME"; }))
        << call.title();
  }
}

// The reference writes "version" into no address of its loopback's 0.3.1 result.
Json with_address_families(Json result) {
  if (compare_versions(result["cniVersion"].get<std::string>(), "1.0.0") < 0) {
    for (Json& ip : result["ips"]) {
      ip["version"] = ip["address"].get<std::string>().find(':') == std::string::npos ? "4" : "6";
    }
    result.emplace("dns", Json::object());
  }
  return result;
}

TEST_P(Trace, EveryResultIsWrittenAsItWasRead) {
  for (const test::RecordedCall& call : calls_) {
    if (call.verb == "ADD" && call.exit_code == 0) {
      const Result result = parse_result(call.output, "", "result");
      EXPECT_EQ(to_json(result, call.output["cniVersion"].get<std::string>()),
                with_address_families(call.output))
          << call.title();
    }
  }
}

TEST_P(Trace, EveryVersionAnswerIsRead) {
  for (const test::RecordedCall& call : calls_) {
    if (call.verb == "VERSION") {
      EXPECT_THAT(parse_version_answer(call.output), testing::Contains("1.0.0")) << call.title();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Callers, Trace, testing::ValuesIn(test::trace_names()),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

TEST(Traces, HoldTheOdditiesTheyAreKeptFor) {
  bool empty_netns_on_del = false;
  bool capitalised_runtime_config = false;
  std::set<std::string> verbs;
  std::set<std::string> orders;
  for (const test::RecordedCall& call : test::read_all_traces()) {
    verbs.insert(call.verb);
    empty_netns_on_del = empty_netns_on_del || (call.verb == "DEL" && call.netns.empty());
    capitalised_runtime_config =
        capitalised_runtime_config || call.input.find("\"HostPort\"") != std::string::npos;
    if (call.args.find("K8S_POD_UID") != std::string::npos) {
      orders.insert(call.args.substr(0, call.args.find('=')));
    }
  }
  EXPECT_TRUE(empty_netns_on_del);
  EXPECT_TRUE(capitalised_runtime_config);
  EXPECT_EQ(verbs.size(), 6U);
  EXPECT_GT(orders.size(), 1U);
  EXPECT_EQ(test::trace_names().size(), 7U);
}

}  // namespace
}  // namespace linnet::cni
