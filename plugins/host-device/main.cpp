#include "plugins/host-device/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "host-device",
      .about = "lends a device of the host to a container",
      .add = host_device::add,
      .del = host_device::del,
      .check = host_device::check,
      .gc = host_device::gc,
      .status = host_device::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
