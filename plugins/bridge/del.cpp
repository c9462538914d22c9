#include <optional>

#include "base/error_list.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/leftovers.h"
#include "plugins/attach/result.h"
#include "plugins/attach/rules.h"
#include "plugins/attach/veth.h"
#include "plugins/bridge/verbs.h"
#include "plugins/ipam/ipam.h"

namespace linnet::bridge {

namespace {

void remove_rules(netlink::nft::NftSocket& nft, const attach::Attachment& attachment,
                  const cni::NetConf& conf, ErrorList& errors) {
  errors.attempt([&] {
    attach::remove_rules_if_present(
        nft, attachment,
        conf.prev_result ? attach::addresses_of(*conf.prev_result) : std::vector<Cidr>{});
  });
  errors.attempt([&] { attach::remove_reference_rules_if_present(nft, attachment); });
}

}  // namespace

void del(const cni::Request& request, const cni::NetConf& conf) {
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  ErrorList errors;
  // An IPAM plugin loads while the kernel removes the link, and does nothing before it is asked.
  std::optional<ipam::Call> release;
  errors.attempt([&] {
    if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
      release = ipam->start(cni::Verb::kDel);
    }
  });
  // The address is free for others only when nothing of it is left on the host. The socket stays open
  // meanwhile: closing one that has removed rules waits until the kernel has freed them, half as long as
  // the removal of the link takes, and at the same time.
  std::optional<netlink::nft::NftSocket> nft;
  errors.attempt([&] { remove_rules(nft.emplace(), attachment, conf, errors); });
  errors.attempt([&] { attach::remove_veth_if_present(request, attachment); });
  if (release) {
    errors.attempt([&] {
      release->ask(conf);
      release->finish(conf);
    });
  }
  errors.throw_if_any();
}

}  // namespace linnet::bridge
