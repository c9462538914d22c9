// Every plugin in one executable, which acts as the one under whose name it is called.
#include <array>

#include "plugins/plugins.h"

int main(int argc, char** argv) {
  using namespace linnet;
  static constexpr std::array kPlugins = {
      &bandwidth::kPlugin,   &bridge::kPlugin,     &dummy::kPlugin,  &firewall::kPlugin,
      &host_device::kPlugin, &host_local::kPlugin, &ipvlan::kPlugin, &loopback::kPlugin,
      &macvlan::kPlugin,     &portmap::kPlugin,    &ptp::kPlugin,    &sbr::kPlugin,
      &static_ipam::kPlugin, &tap::kPlugin,        &tuning::kPlugin, &vlan::kPlugin,
      &vrf::kPlugin,
  };
  return skel::run_by_name(kPlugins, {argv, static_cast<std::size_t>(argc)},
                           {.privileges = skel::Privileges::kDropped});
}
