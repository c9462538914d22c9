#include <span>

#include "plugins/ipam/build_note.h"
#include "plugins/ipam/host-local/verbs.h"
#include "plugins/skel/plugin.h"

LINNET_IPAM_NOTE("host-local");

int main(int argc, char** argv) {
  linnet::skel::Plugin plugin;
  plugin.name = "host-local";
  plugin.about = "leases addresses of configured ranges from a store on this host";
  plugin.add = linnet::host_local::add;
  plugin.del = linnet::host_local::del;
  plugin.check = linnet::host_local::check;
  plugin.gc = linnet::host_local::gc;
  plugin.status = linnet::host_local::status;
  return linnet::skel::run(plugin,
                           std::span<const char* const>(argv, static_cast<std::size_t>(argc)));
}
