#include "plugins/meta/sbr/verbs.h"
#include "plugins/skel/plugin.h"

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "sbr",
      .about = "lets answers leave a container through the interface whose address they come from",
      // Older results do not say which interface an address is on.
      .versions = std::span(cni::kAllVersions).subspan(2),
      .add = sbr::add,
      .del = sbr::del,
      .check = sbr::check,
      .status = sbr::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
