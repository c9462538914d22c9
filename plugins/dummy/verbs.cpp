#include "plugins/dummy/verbs.h"

#include "libcni/error.h"
#include "plugins/attach/own_link.h"
#include "plugins/attach/pair_verbs.h"

namespace linnet::dummy {

namespace {

constexpr const char* kKind = "dummy";

attach::OwnLink parse(const cni::Request& request, const cni::NetConf& conf) {
  if (conf.ipam_type.empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "\"ipam\": missing: dummy interface requires an IPAM configuration, an "
                     "address is all that it is for");
  }
  attach::OwnLink own{.kind = kKind, .create = {}, .problems = {}};
  own.sysctls = attach::parse_sysctls(conf);
  own.create = [mac = attach::container_mac(attach::attachment_of(request, conf))](
                   netlink::Sandbox& sandbox, const std::string& name) {
    netlink::Batch batch;
    netlink::create_device(batch, {.name = name, .kind = kKind, .mac = mac});
    sandbox.socket().execute(batch);
  };
  return own;
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  return attach::add_own_link(request, conf, parse(request, conf));
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  attach::del_own_link(request, conf, kKind);
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  attach::check_own_link(request, conf, parse(request, conf));
}

void gc(const cni::Request& request, const cni::NetConf& conf) {
  attach::gc_own_links(request, conf, kKind);
}

void status(const cni::Request& request, const cni::NetConf& conf) {
  static_cast<void>(parse(request, conf));
  attach::ipam_status(request, conf);
  attach::rehearse([](netlink::RouteSocket& socket) {
    netlink::Batch batch;
    netlink::create_device(batch, {.name = "status", .kind = kKind});
    socket.execute(batch);
  });
}

}  // namespace linnet::dummy
