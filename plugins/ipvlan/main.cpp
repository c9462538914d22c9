#include "plugins/attach/child_verbs.h"
#include "plugins/ipvlan/config.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  using Verbs = attach::ChildVerbs<netlink::Ipvlan, ipvlan::parse_config>;
  constexpr skel::Plugin kPlugin = {
      .name = "ipvlan",
      .about = "gives a container IP addresses of its own on an interface of the host",
      .add = Verbs::add,
      .del = Verbs::del,
      .check = Verbs::check,
      .gc = Verbs::gc,
      .status = Verbs::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
