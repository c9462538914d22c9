#include "plugins/attach/child_verbs.h"
#include "plugins/macvlan/config.h"
#include "plugins/skel/plugin.h"

namespace linnet::macvlan {
namespace {

constexpr std::string_view kKind = "macvlan";

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  return attach::add_child(request, conf, parse_config(request, conf));
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  attach::del_child(request, conf, kKind);
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  attach::check_child(request, conf, parse_config(request, conf));
}

void gc(const cni::Request& request, const cni::NetConf& conf) {
  attach::gc_children(request, conf, kKind);
}

void status(const cni::Request& request, const cni::NetConf& conf) {
  attach::child_status(request, conf, parse_config(request, conf));
}

}  // namespace
}  // namespace linnet::macvlan

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "macvlan",
      .about = "gives a container an Ethernet interface of its own on an interface of the host",
      .add = macvlan::add,
      .del = macvlan::del,
      .check = macvlan::check,
      .gc = macvlan::gc,
      .status = macvlan::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
