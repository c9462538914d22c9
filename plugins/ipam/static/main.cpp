#include "plugins/ipam/build_note.h"
#include "plugins/ipam/static/verbs.h"
#include "plugins/skel/plugin.h"

LINNET_IPAM_NOTE("static");

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "static",
      .about = "gives the addresses that the configuration or the runtime names",
      .add = static_ipam::add,
      .check = static_ipam::check,
      .status = static_ipam::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
