#include "plugins/attach/mac_request.h"

#include "tests/support/expect_error.h"

namespace linnet::attach {
namespace {

using test::expect_error;

std::optional<MacAddress> requested(const char* conf, const std::string& args = {}) {
  cni::Request request;
  request.args = args;
  cni::NetConf parsed;
  parsed.json = cni::Json::parse(conf);
  return requested_mac(request, parsed);
}

TEST(MacRequest, IsAbsentWhenNobodyAsks) {
  EXPECT_FALSE(requested("{}"));
  EXPECT_FALSE(requested(R"({"runtimeConfig": {"mac": ""}})"));
}

TEST(MacRequest, PrefersRuntimeConfigThenArgsThenEnvironment) {
  const char* all = R"({"runtimeConfig": {"mac": "02:00:00:00:00:01"},
                        "args": {"cni": {"mac": "02:00:00:00:00:02"}}})";
  const char* args = R"({"args": {"cni": {"mac": "02:00:00:00:00:02"}}})";
  EXPECT_EQ(requested(all, "MAC=02:00:00:00:00:03")->text(), "02:00:00:00:00:01");
  EXPECT_EQ(requested(args, "MAC=02:00:00:00:00:03")->text(), "02:00:00:00:00:02");
  EXPECT_EQ(requested("{}", "MAC=02:00:00:00:00:03")->text(), "02:00:00:00:00:03");
}

TEST(MacRequest, MatchesCapitalisedKeys) {
  EXPECT_EQ(requested(R"({"RuntimeConfig": {"Mac": "02:00:00:00:00:01"}})")->text(),
            "02:00:00:00:00:01");
}

TEST(MacRequest, RefusesWhatIsNoUnicastAddressAndNamesKeyAndValue) {
  const auto conf_code = cni::Code::kInvalidNetworkConfig;
  expect_error(conf_code, R"("runtimeConfig.mac": "01:00:00:00:00:01")",
               [] { requested(R"({"runtimeConfig": {"mac": "01:00:00:00:00:01"}})"); });
  expect_error(conf_code, "expected a string, got 7",
               [] { requested(R"({"args": {"cni": {"mac": 7}}})"); });
  expect_error(cni::Code::kInvalidEnvironment, R"(CNI_ARGS: MAC: "02:00")",
               [] { requested("{}", "MAC=02:00"); });
  expect_error(cni::Code::kInvalidEnvironment, "00:00:00:00:00:00",
               [] { requested("{}", "MAC=00:00:00:00:00:00"); });
}

TEST(MacRequest, RefusesUnknownArgumentsUnlessToldToIgnoreThem) {
  expect_error(cni::Code::kInvalidEnvironment, "IP", [] { requested("{}", "IP=10.0.0.1"); });
  EXPECT_FALSE(requested("{}", "IP=10.0.0.1;IgnoreUnknown=true"));
}

}  // namespace
}  // namespace linnet::attach
