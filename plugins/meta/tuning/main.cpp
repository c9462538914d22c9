#include "plugins/meta/tuning/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "tuning",
      .about = "sets sysctls of a container and properties of its interface",
      .add = tuning::add,
      .del = tuning::del,
      .check = tuning::check,
      .gc = tuning::gc,
      .status = tuning::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
