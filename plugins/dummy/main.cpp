#include "plugins/attach/own_link.h"
#include "plugins/dummy/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "dummy",
      .about = "gives a container an interface that leads nowhere and carries addresses",
      .add = dummy::add,
      .del = dummy::del,
      .check = dummy::check,
      .gc = attach::gc_leases,
      .status = dummy::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
