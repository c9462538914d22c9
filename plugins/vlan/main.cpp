#include "plugins/attach/child_verbs.h"
#include "plugins/skel/plugin.h"
#include "plugins/vlan/config.h"

int main(int argc, char** argv) {
  using namespace linnet;
  using Verbs = attach::ChildVerbs<netlink::TaggedVlan, vlan::parse_config>;
  constexpr skel::Plugin kPlugin = {
      .name = "vlan",
      .about = "gives a container a VLAN of an interface of the host",
      .add = Verbs::add,
      .del = Verbs::del,
      .check = Verbs::check,
      .gc = Verbs::gc,
      .status = Verbs::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
