#include "base/error_list.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/rules.h"
#include "plugins/attach/veth.h"
#include "plugins/bridge/verbs.h"
#include "plugins/ipam/ipam.h"

namespace linnet::bridge {

void gc(const cni::Request& request, const cni::NetConf& conf) {
  const auto valid = attach::valid_keys(conf.name, conf.valid_attachments);
  ErrorList errors;
  // Open to the end, as in DEL.
  std::optional<netlink::nft::NftSocket> nft;
  errors.attempt([&] { attach::collect_rules(nft.emplace(), conf.name, valid); });
  errors.attempt([&] { attach::collect_veths(conf.name, valid, errors); });
  errors.attempt([&] {
    if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
      ipam->run(cni::Verb::kGc, conf);
    }
  });
  errors.throw_if_any();
}

}  // namespace linnet::bridge
