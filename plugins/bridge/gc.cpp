#include "base/error_list.h"
#include "libcni/exec.h"
#include "netlink/route_socket.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/rules.h"
#include "plugins/bridge/verbs.h"

namespace linnet::bridge {

void gc(const cni::Request& request, const cni::NetConf& conf) {
  const std::string network = attach::network_key(conf.name);
  const auto valid = attach::valid_keys(conf.name, conf.valid_attachments);
  ErrorList errors;
  errors.attempt([&] {
    netlink::nft::NftSocket nft;
    attach::collect_rules(nft, conf.name, valid);
  });
  errors.attempt([&] {
    netlink::RouteSocket host;
    for (const netlink::Link& link : host.links()) {
      const std::string_view key = attach::key_in_alias(link.alias);
      if (link.kind == "veth" && key.starts_with(network) && !valid.contains(key)) {
        errors.attempt([&] { host.remove_link_if_present(link.name); });
      }
    }
  });
  if (!conf.ipam_type.empty()) {
    errors.attempt([&] { cni::Delegate(conf.ipam_type, request).run(cni::Verb::kGc, conf); });
  }
  errors.throw_if_any();
}

}  // namespace linnet::bridge
