#include "plugins/meta/sbr/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::sbr {
namespace {

using cni::Json;

Config parse(const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "sbr"}};
  conf.update(changes);
  return parse_config(cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

TEST(SbrConfig, ReadsEveryKey) {
  const Config none = parse(Json::object());
  EXPECT_TRUE(none.table == 0 && !none.gateway4 && !none.gateway6 && !none.source_hints);
  const Config config =
      parse({{"table", 500}, {"gateways", {"fd00::1", "10.0.0.1"}}, {"addSourceHints", true}});
  EXPECT_EQ(config.table, 500U);
  EXPECT_EQ(config.gateway(Family::kIpv4)->text(), "10.0.0.1");
  EXPECT_EQ(config.gateway(Family::kIpv6)->text(), "fd00::1");
  EXPECT_TRUE(config.source_hints);
}

TEST(SbrConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    test::expect_error(cni::Code::kInvalidNetworkConfig, text,
                       [&] { static_cast<void>(parse(changes)); });
  };
  refuses({{"table", -1}}, "\"table\"");
  refuses({{"table", 255}}, "the kernel's table");
  refuses({{"gateways", "10.0.0.1"}}, "\"gateways\"");
  refuses({{"gateways", {"10.0.0.1/24"}}}, "\"10.0.0.1/24\" is no address");
  refuses({{"gateways", {"0.0.0.0"}}}, "is no address of a gateway");
  refuses({{"gateways", {"10.0.0.1", "10.0.0.2"}}}, "there can be one of each family");
  refuses({{"addSourceHints", "yes"}}, "\"addSourceHints\"");
}

}  // namespace
}  // namespace linnet::sbr
