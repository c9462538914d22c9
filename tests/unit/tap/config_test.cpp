#include "plugins/tap/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::tap {
namespace {

using cni::Json;

Config parse(const Json& changes, const std::string& args = {}) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "tap"}};
  conf.update(changes);
  cni::Request request;
  request.verb = cni::Verb::kAdd;
  request.args = args;
  return parse_config(request,
                      cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

TEST(TapConfig, HasTheReferencesDefaults) {
  const Config config = parse(Json::object());
  EXPECT_FALSE(config.multi_queue || config.mac || config.owner || config.group);
  EXPECT_EQ(config.mtu, 0U);
  EXPECT_TRUE(config.bridge.empty() && config.selinux_context.empty());
}

TEST(TapConfig, ReadsEveryKey) {
  const Config config = parse({{"multiQueue", true},
                               {"mtu", 1400},
                               {"mac", "02:00:00:00:00:01"},
                               {"owner", 0},
                               {"group", 4294967294},
                               {"bridge", "br0"},
                               {"selinuxContext", "system_u:system_r:container_t:s0"}});
  EXPECT_TRUE(config.multi_queue);
  EXPECT_EQ(config.mtu, 1400U);
  EXPECT_EQ(config.mac->text(), "02:00:00:00:00:01");
  EXPECT_EQ(config.owner, 0U);
  EXPECT_EQ(config.group, 4294967294U);
  EXPECT_EQ(config.bridge, "br0");
  EXPECT_EQ(config.selinux_context, "system_u:system_r:container_t:s0");
  EXPECT_EQ(parse({{"mac", "02:00:00:00:00:01"}}, "MAC=02:00:00:00:00:02").mac->text(),
            "02:00:00:00:00:02");
}

TEST(TapConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    test::expect_error(cni::Code::kInvalidNetworkConfig, text,
                       [&] { static_cast<void>(parse(changes)); });
  };
  refuses({{"multiQueue", 1}}, "\"multiQueue\"");
  refuses({{"mtu", 65536}}, "\"mtu\"");
  refuses({{"owner", -1}}, "\"owner\"");
  refuses({{"group", 4294967295}}, "\"group\"");
  refuses({{"bridge", "../x"}}, "\"bridge\"");
  refuses({{"mac", "01:00:5e:00:00:01"}}, "\"mac\"");
  refuses({{"selinuxContext", "a b"}}, "\"selinuxContext\": \"a b\" is no context");
  refuses({{"cniVersion", "0.2.0"}}, "has no result without an address");
}

}  // namespace
}  // namespace linnet::tap
