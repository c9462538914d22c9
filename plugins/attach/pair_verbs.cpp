#include "plugins/attach/pair_verbs.h"

#include <sched.h>

#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/error_list.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/lease_collection.h"
#include "plugins/attach/leftovers.h"
#include "plugins/attach/result.h"
#include "plugins/attach/rules.h"
#include "plugins/attach/veth.h"
#include "plugins/ipam/ipam.h"

namespace linnet::attach {

namespace {

void remove_rules(netlink::nft::NftSocket& nft, const Attachment& attachment,
                  const cni::NetConf& conf, ErrorList& errors) {
  errors.attempt([&] {
    remove_rules_if_present(
        nft, attachment, conf.prev_result ? addresses_of(*conf.prev_result) : std::vector<Cidr>{});
  });
  errors.attempt([&] { remove_reference_rules_if_present(nft, attachment); });
}

}  // namespace

void del_pair(const cni::Request& request, const cni::NetConf& conf) {
  const Attachment attachment = attachment_of(request, conf);
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
  errors.attempt([&] { remove_veth_if_present(request, attachment); });
  if (release) {
    errors.attempt([&] {
      release->ask(conf);
      release->finish(conf);
    });
  }
  errors.throw_if_any();
}

void gc_pairs(const cni::Request& request, const cni::NetConf& conf) {
  const auto valid = valid_keys(conf.name, conf.valid_attachments);
  ErrorList errors;
  LeaseCollection leases(request, conf, errors);
  // Open to the end, as in DEL.
  std::optional<netlink::nft::NftSocket> nft;
  errors.attempt([&] { collect_rules(nft.emplace(), conf.name, valid); });
  if (nft) {
    errors.attempt([&] { collect_reference_rules(*nft, conf.name, conf.valid_attachments); });
  }
  const std::size_t before = errors.size();
  errors.attempt([&] { collect_veths(conf.name, valid, errors); });
  // An interface that is still there has its address: the next GC frees both.
  if (errors.size() == before) {
    leases.free_leases();
  }
  errors.throw_if_any();
}

void rehearse(const std::function<void(netlink::RouteSocket&)>& make) {
  try {
    if (::unshare(CLONE_NEWNET) != 0) {
      throw SystemError(errno, "make a network namespace");
    }
    netlink::RouteSocket socket;
    make(socket);
  } catch (const SystemError& error) {
    throw cni::Error(
        cni::Code::kPluginNotAvailable,
        concat("this kernel cannot do what the configuration asks for: ", error.what()));
  }
}

}  // namespace linnet::attach
