#include "plugins/meta/vrf/config.h"

#include <gtest/gtest.h>

#include <numeric>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::vrf {
namespace {

using cni::Json;

Config parse(const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "vrf"}};
  conf.update(changes);
  return parse_config(cni::parse_net_conf(conf.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

TEST(VrfConfig, ReadsEveryKey) {
  EXPECT_EQ(parse({{"vrfname", "blue"}}).table, 0U);
  const Config config = parse({{"vrfname", "blue"}, {"table", 4294967295}});
  EXPECT_EQ(config.name, "blue");
  EXPECT_EQ(config.table, 4294967295U);
}

TEST(VrfConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    test::expect_error(cni::Code::kInvalidNetworkConfig, text,
                       [&] { static_cast<void>(parse(changes)); });
  };
  refuses(Json::object(), "\"vrfname\": missing");
  refuses({{"vrfname", "a/b"}}, "\"vrfname\"");
  refuses({{"vrfname", "sixteen-letters-"}}, "\"vrfname\"");
  refuses({{"vrfname", "blue"}, {"table", -1}}, "\"table\"");
  refuses({{"vrfname", "blue"}, {"table", 254}}, "the kernel's own tables");
}

TEST(VrfTables, TheLowestFreeOneIsTakenAndNoneOfTheKernels) {
  EXPECT_EQ(free_table({}), 1U);
  EXPECT_EQ(free_table({1, 2, 4}), 3U);
  std::vector<std::uint32_t> taken(252);
  std::iota(taken.begin(), taken.end(), 1U);
  EXPECT_EQ(free_table(taken), 256U);
}

}  // namespace
}  // namespace linnet::vrf
