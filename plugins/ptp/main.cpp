#include "plugins/attach/pair_verbs.h"
#include "plugins/ptp/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "ptp",
      .about = "connects a container by a veth pair to the host, which routes for it",
      .add = ptp::add,
      .del = attach::del_pair,
      .check = ptp::check,
      .gc = attach::gc_pairs,
      .status = ptp::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
