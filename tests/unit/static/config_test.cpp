#include "plugins/ipam/static/config.h"

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::test {
namespace {

using cni::Code;
using cni::Json;
using static_ipam::Config;
using static_ipam::parse_config;

cni::NetConf conf_of(const Json& changes, const std::string& version = "1.0.0") {
  Json json = Json::parse(R"({"name": "n", "type": "bridge", "ipam": {"type": "static",
      "addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]}})");
  if (changes.is_object()) {
    json.merge_patch(changes);
  }
  json["cniVersion"] = version;
  return cni::parse_net_conf(json.dump(), cni::Verb::kAdd, cni::kAllVersions);
}

std::string addresses(const Config& config) {
  std::string text;
  for (const cni::IpConfig& ip : config.addresses) {
    text += ip.address.text() + (ip.gateway ? ">" + ip.gateway->text() : "") + " ";
  }
  return text;
}

TEST(StaticConfig, AppendsTheAddressesOfCniArgsAndSpreadsTheirGateways) {
  EXPECT_EQ(
      addresses(parse_config(conf_of({}), "IP=10.2.0.5/16, fd00::5/64;GATEWAY=10.2.0.1,fd00::1")),
      "10.1.0.5/24>10.1.0.1 10.2.0.5/16>10.2.0.1 fd00::5/64>fd00::1 ");
}

TEST(StaticConfig, ArgsReplaceAllAddressesAndRuntimeConfigReplacesThose) {
  Json changes = {{"args", {{"cni", {{"ips", {"10.3.0.5/16"}}}}}}};
  EXPECT_EQ(addresses(parse_config(conf_of(changes), "IP=10.2.0.5/16")), "10.3.0.5/16 ");
  changes["runtimeConfig"]["ips"] = {"10.4.0.5/16", "10.1.0.5/24"};
  EXPECT_EQ(addresses(parse_config(conf_of(changes), "")), "10.4.0.5/16 10.1.0.5/24>10.1.0.1 ");
  changes["runtimeConfig"]["ips"] = Json::array();
  EXPECT_EQ(addresses(parse_config(conf_of(changes), "")), "10.3.0.5/16 ");
}

TEST(StaticConfig, RefusesWhatIsNoAddressWithItsSource) {
  expect_error(Code::kInvalidEnvironment, "CNI_ARGS: IP: the 'ip' field is expected to be in CIDR",
               [] { (void)parse_config(conf_of({}), "IP=10.1.0.9"); });
  expect_error(Code::kInvalidEnvironment, "CNI_ARGS: GATEWAY",
               [] { (void)parse_config(conf_of({}), "GATEWAY=x"); });
  expect_error(Code::kInvalidEnvironment, "unknown args",
               [] { (void)parse_config(conf_of({}), "MAC=x"); });
  expect_error(Code::kInvalidNetworkConfig, "\"runtimeConfig.ips\": an entry", [] {
    (void)parse_config(conf_of({{"runtimeConfig", {{"ips", {"10.1.0.9"}}}}}), "");
  });
  expect_error(Code::kInvalidNetworkConfig, "\"ipam.addresses[0].gateway\": fd00::1", [] {
    (void)parse_config(
        conf_of(
            {{"ipam", {{"addresses", {{{"address", "10.1.0.5/24"}, {"gateway", "fd00::1"}}}}}}}),
        "");
  });
  expect_error(
      Code::kInvalidNetworkConfig,
      "\"ipam.addresses[0].gateway\": expected an IP address, got \"10.1.0.1/24\"", [] {
        (void)parse_config(
            conf_of(
                {{"ipam",
                  {{"addresses", {{{"address", "10.1.0.5/24"}, {"gateway", "10.1.0.1/24"}}}}}}}),
            "");
      });
  expect_error(Code::kInvalidNetworkConfig, "missing 'ipam' key", [] {
    (void)parse_config(conf_of({{"ipam", nullptr}}), "");
  });
}

TEST(StaticConfig, OldVersionsHaveOneAddressAFamily) {
  EXPECT_EQ(addresses(parse_config(conf_of({}, "0.2.0"), "IP=fd00::5/64")),
            "10.1.0.5/24>10.1.0.1 fd00::5/64 ");
  expect_error(Code::kInvalidNetworkConfig, "does not support more than 1 address per family",
               [] { (void)parse_config(conf_of({}, "0.2.0"), "IP=10.2.0.5/16"); });
}

}  // namespace
}  // namespace linnet::test
