#include "plugins/loopback/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "loopback",
      .about = "brings up the loopback interface of a container",
      .add = loopback::add,
      .del = loopback::del,
      .check = loopback::check,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
