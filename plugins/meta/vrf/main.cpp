#include "plugins/meta/vrf/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "vrf",
      .about = "puts the interface of a container into a VRF of the container",
      // The reference's, which the older ones do not convert to.
      .versions = std::span(cni::kAllVersions).subspan(3),
      .add = vrf::add,
      .del = vrf::del,
      .check = vrf::check,
      .status = vrf::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
