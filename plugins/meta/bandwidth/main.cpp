#include "plugins/meta/bandwidth/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "bandwidth",
      .about = "limits the rate at which a container receives and sends",
      // Older results do not list interfaces.
      .versions = std::span(cni::kAllVersions).subspan(2),
      .add = bandwidth::add,
      .del = bandwidth::del,
      .check = bandwidth::check,
      .gc = bandwidth::gc,
      .status = bandwidth::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
