#include "plugins/attach/pair_verbs.h"
#include "plugins/bridge/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "bridge",
      .about = "connects a container by a veth pair to a bridge on the host",
      .add = bridge::add,
      .del = attach::del_pair,
      .check = bridge::check,
      .gc = attach::gc_pairs,
      .status = bridge::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
