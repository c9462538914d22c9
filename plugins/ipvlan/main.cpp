#include "plugins/attach/child_verbs.h"
#include "plugins/ipvlan/config.h"
#include "plugins/skel/plugin.h"

namespace linnet::ipvlan {
namespace {

constexpr std::string_view kKind = "ipvlan";

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
}  // namespace linnet::ipvlan

int main(int argc, char** argv) {
  using namespace linnet;
  constexpr skel::Plugin kPlugin = {
      .name = "ipvlan",
      .about = "gives a container IP addresses of its own on an interface of the host",
      .add = ipvlan::add,
      .del = ipvlan::del,
      .check = ipvlan::check,
      .gc = ipvlan::gc,
      .status = ipvlan::status,
  };
  return skel::run(kPlugin, {argv, static_cast<std::size_t>(argc)});
}
