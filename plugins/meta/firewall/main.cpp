#include "plugins/meta/firewall/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "firewall",
      .about = "lets forwarded traffic of a container through, and keeps networks apart",
      .add = firewall::add,
      .del = firewall::del,
      .check = firewall::check,
      .gc = firewall::gc,
      .status = firewall::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
