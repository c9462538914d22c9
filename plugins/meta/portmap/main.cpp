#include "plugins/meta/portmap/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "portmap",
      .about = "publishes ports of a container on the addresses of its host",
      .add = portmap::add,
      .del = portmap::del,
      .check = portmap::check,
      .gc = portmap::gc,
      .status = portmap::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
