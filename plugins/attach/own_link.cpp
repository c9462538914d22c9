#include "plugins/attach/own_link.h"

#include "base/error.h"
#include "base/error_list.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/child_link.h"
#include "plugins/attach/container_end.h"
#include "plugins/attach/lease_collection.h"
#include "plugins/attach/result.h"
#include "plugins/ipam/ipam.h"

namespace linnet::attach {

namespace {

netlink::Link create_marked(netlink::Sandbox& sandbox, const cni::Request& request,
                            const Attachment& attachment, const OwnLink& own,
                            Transaction& transaction) {
  if (sandbox.socket().find_link(request.ifname)) {
    refuse_taken_name(request.ifname);
  }
  // Before the attempt: an answer that is lost may be that of a link that was made.
  transaction.undo_with(concat("remove ", request.ifname), [request, attachment, kind = own.kind] {
    remove_child_links_if_present(request, attachment, kind);
  });
  own.create(sandbox, request.ifname);
  netlink::Batch batch;
  netlink::change_link(batch, {.name = request.ifname, .alias = owner_alias(attachment)});
  sandbox.socket().execute(batch);
  return sandbox.socket().get_link(request.ifname);
}

void complete(cni::Result& result, const cni::Request& request, const cni::NetConf& conf,
              const netlink::Link& link) {
  result.interfaces = {describe(link, request.netns)};
  for (cni::IpConfig& ip : result.ips) {
    ip.interface = 0;
  }
  take_dns(result, conf);
}

}  // namespace

cni::Result add_own_link(const cni::Request& request, const cni::NetConf& conf,
                         const OwnLink& own) {
  const Attachment attachment = attachment_of(request, conf);
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, open_netns(request));
  const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request);
  std::optional<ipam::Call> addresses;
  if (ipam) {
    addresses = ipam->start(cni::Verb::kAdd);
  }
  Transaction transaction;
  const netlink::Link link = create_marked(sandbox, request, attachment, own, transaction);
  cni::Result result;
  if (ipam) {
    transaction.undo_with("release the addresses",
                          [plugin = *ipam, conf] { plugin.run(cni::Verb::kDel, conf); });
    addresses->ask(conf);
    result = addresses->result(conf);
  }
  complete(result, request, conf, link);
  set_up_link(sandbox, host, request, link, plan_interface(result),
              {.dad = own.dad, .sysctls = own.sysctls}, transaction);
  transaction.commit();
  return result;
}

void del_own_link(const cni::Request& request, const cni::NetConf& conf, std::string_view kind) {
  ErrorList errors;
  // The address is free for others only when nothing has it.
  errors.attempt(
      [&] { remove_child_links_if_present(request, attachment_of(request, conf), kind); });
  errors.attempt([&] {
    if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
      ipam->run(cni::Verb::kDel, conf);
    }
  });
  errors.throw_if_any();
}

void check_own_link(const cni::Request& request, const cni::NetConf& conf, const OwnLink& own) {
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kCheck, conf);
  }
  throw_if_changed(request, conf,
                   container_link_problems(request, conf, own.kind, own.sysctls, own.problems));
}

void gc_own_links(const cni::Request& request, const cni::NetConf& conf, std::string_view kind) {
  ErrorList errors;
  LeaseCollection leases(request, conf, errors);
  leases.remove_from_containers([&](const cni::Request& gone) {
    remove_marked_links_if_present(gone, attachment_of(gone, conf), kind);
  });
  leases.free_leases();
  errors.throw_if_any();
}

void ipam_status(const cni::Request& request, const cni::NetConf& conf) {
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kStatus, conf);
  }
}

}  // namespace linnet::attach
