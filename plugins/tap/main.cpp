#include "plugins/attach/own_link.h"
#include "plugins/skel/plugin.h"
#include "plugins/tap/device.h"
#include "plugins/tap/verbs.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "tap",
      .about = "gives a container a tap device for a virtual machine",
      .add = tap::add,
      .del = tap::del,
      .check = tap::check,
      .gc = attach::gc_leases,
      .status = tap::status,
  };
  const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
  if (const std::optional<int> made = tap::run_as_maker(arguments)) {
    return *made;
  }
  return skel::run(kPlugin, arguments);
}
