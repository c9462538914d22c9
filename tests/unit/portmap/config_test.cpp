#include "plugins/meta/portmap/config.h"

#include <netinet/in.h>

#include "tests/support/expect_error.h"
#include "tests/unit/portmap/support.h"

namespace linnet::test {
namespace {

using cni::Code;
using cni::Json;
using portmap::Config;

Config parsed(const Json& mappings, const Json& changes = Json::object()) {
  std::vector<std::string> warnings;
  return portmap::parse_config(portmap_conf(mappings, changes), warnings);
}

void expect_refused(const Json& mappings, const Json& changes, const std::string& words) {
  expect_error(Code::kInvalidNetworkConfig, words, [&] { (void)parsed(mappings, changes); });
}

TEST(PortmapConfig, TakesWhatRuntimesSend) {
  const Config config = parsed({{{"HostPort", 8080}, {"ContainerPort", 80}, {"Protocol", "TCP"}},
                                {{"hostPort", 53},
                                 {"containerPort", 5353},
                                 {"protocol", "udp"},
                                 {"hostIP", "192.0.2.1"},
                                 {"range", 3}},
                                {{"hostPort", 7}, {"containerPort", 7}, {"hostIP", ""}}});
  ASSERT_EQ(config.mappings.size(), 3U);
  EXPECT_EQ(config.mappings[0].host_port, 8080);
  EXPECT_EQ(config.mappings[0].container_port, 80);
  EXPECT_EQ(config.mappings[0].protocol, IPPROTO_TCP);
  EXPECT_EQ(config.mappings[1].protocol, IPPROTO_UDP);
  EXPECT_EQ(config.mappings[1].count, 3);
  EXPECT_EQ(config.mappings[1].host_ip, IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(config.mappings[2].protocol, IPPROTO_TCP);
  EXPECT_FALSE(config.mappings[2].host_ip);
  EXPECT_TRUE(config.snat);
  EXPECT_EQ(config.mark_bit, 13U);
}

TEST(PortmapConfig, AcceptsTheKeysOfTheReference) {
  const Json none = Json::array();
  EXPECT_TRUE(parsed(none, {{"backend", "iptables"}, {"masqAll", true}}).masquerade_all);
  EXPECT_FALSE(parsed(none, {{"masqAll", true}, {"snat", false}}).masquerade_all);
  EXPECT_EQ(parsed(none, {{"markMasqBit", 31}}).mark_bit, 31U);
  EXPECT_EQ(parsed(none, {{"externalSetMarkChain", "KUBE-MARK-MASQ"}}).mark_bit, 13U);
  EXPECT_EQ(parsed(nullptr).mappings.size(), 0U);
  EXPECT_EQ(parsed(none, {{"conditionsV4", {"-i", "eth0"}}}).conditions(Family::kIpv4).size(), 1U);
}

TEST(PortmapConfig, RefusalsNameKeyAndValue) {
  const Json good = {{"hostPort", 1}, {"containerPort", 1}};
  const auto mapping = [&](const Json& changes) {
    Json changed = good;
    changed.update(changes.is_null() ? Json::object() : changes);
    return Json::array({good, changed});
  };
  expect_refused(mapping({{"hostPort", 0}}), {}, "portMappings[1].hostPort\": expected an integer");
  expect_refused(mapping({{"containerPort", 65536}}), {}, "65536");
  expect_refused(mapping({{"hostPort", nullptr}}), {}, "portMappings[1].hostPort\": missing");
  expect_refused(mapping({{"protocol", "icmp"}}), {}, "\"icmp\": expected tcp, udp or sctp");
  expect_refused(mapping({{"hostIP", "host"}}), {}, "\"host\" is not an IP address");
  expect_refused(mapping({{"hostPort", 65530}, {"range", 7}}), {}, "7 ports from 65530");
  expect_refused(mapping({}), {{"backend", "pf"}}, "\"pf\"");
  expect_refused(mapping({}), {{"markMasqBit", 32}}, "32");
  expect_refused(mapping({}), {{"markMasqBit", 1}, {"externalSetMarkChain", "X"}},
                 "Cannot specify externalSetMarkChain and markMasqBit");
  expect_refused(mapping({}), {{"conditionsV6", {"-s", "192.0.2.1"}}}, "conditionsV6");
  expect_refused(Json::object(), {}, "portMappings\": expected a list");
}

TEST(PortmapConfig, WarnsOfMisspeltKeysOfAMapping) {
  std::vector<std::string> warnings;
  (void)portmap::parse_config(
      portmap_conf({{{"hostPort", 1}, {"containerPort", 1}, {"hostIp", "::"}, {"protcol", "udp"}}}),
      warnings);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], testing::HasSubstr("did you mean \"protocol\""));
}

TEST(PortmapConfig, IsReadForDelWhateverItHolds) {
  EXPECT_EQ(portmap::parse_config_leniently(portmap_conf({{{"hostPort", "x"}}})).mappings.size(),
            0U);
  EXPECT_EQ(portmap::parse_config_leniently(portmap_conf(7, {{"snat", "no"}})).mappings.size(), 0U);
}

}  // namespace
}  // namespace linnet::test
