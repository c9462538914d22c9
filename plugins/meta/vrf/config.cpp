#include "plugins/meta/vrf/config.h"

#include <linux/rtnetlink.h>

#include <limits>
#include <set>

namespace linnet::vrf {

namespace {

bool is_kernels(std::uint32_t table) {
  return table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL;
}

}  // namespace

Config parse_config(const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  Config config;
  config.name = reader.text("vrfname").value_or("");
  if (config.name.empty()) {
    reader.fail("vrfname", "missing: name the VRF that the interface shall be in");
  }
  if (const std::string problem = cni::problem_with_ifname(config.name); !problem.empty()) {
    reader.fail("vrfname", problem);
  }
  config.table = static_cast<std::uint32_t>(
      reader.integer("table", 0, std::numeric_limits<std::uint32_t>::max()).value_or(0));
  if (is_kernels(config.table)) {
    reader.fail("table", "253 to 255 are the kernel's own tables: choose another");
  }
  return config;
}

std::uint32_t free_table(const std::vector<std::uint32_t>& taken) {
  const std::set<std::uint32_t> tables(taken.begin(), taken.end());
  std::uint32_t table = 1;
  while (tables.contains(table) || is_kernels(table)) {
    ++table;
  }
  return table;
}

}  // namespace linnet::vrf
