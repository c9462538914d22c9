#include "plugins/host-device/verbs.h"

#include "base/error_list.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/container_end.h"
#include "plugins/attach/lease_collection.h"
#include "plugins/attach/result.h"
#include "plugins/host-device/config.h"
#include "plugins/host-device/device.h"
#include "plugins/host-device/handover.h"
#include "plugins/host-device/mark.h"
#include "plugins/ipam/ipam.h"

namespace linnet::host_device {

namespace {

netlink::Link take(netlink::Sandbox& sandbox, const cni::Request& request,
                   const attach::Attachment& attachment, const DeviceKeys& keys,
                   Transaction& transaction) {
  if (sandbox.socket().find_link(request.ifname)) {
    attach::refuse_taken_name(request.ifname);
  }
  netlink::RouteSocket host;
  const netlink::Link device = get_device(host, keys);
  // Before the attempt: an answer that is lost may be that of a device that was moved.
  transaction.undo_with(concat("give back ", device.name),
                        [request, attachment] { give_back_device(request, attachment, {}); });
  take_device(host, sandbox, device, attachment);
  return sandbox.socket().get_link(request.ifname);
}

void complete(cni::Result& result, const cni::Request& request, const cni::NetConf& conf,
              const std::optional<netlink::Link>& link, const DeviceKeys& keys) {
  cni::Interface interface = link
                                 ? attach::describe(*link, request.netns)
                                 : cni::Interface{.name = request.ifname, .sandbox = request.netns};
  if (keys.device.empty() && !keys.hwaddr && keys.kernel_path.empty()) {
    interface.pci_id = keys.pci_id;
  }
  result.interfaces = {std::move(interface)};
  for (cni::IpConfig& ip : result.ips) {
    ip.interface = 0;
  }
  attach::take_dns(result, conf);
}

attach::Problems device_problems(const netlink::Link& link, const attach::Attachment& attachment) {
  const std::optional<Mark> mark = parse_mark(link.alias);
  const bool of_reference = !mark && cni::problem_with_ifname(link.alias).empty();
  if (of_reference || (mark && mark->owner_key == attach::owner_key(attachment))) {
    return {};
  }
  return {concat(link.name, " has lost its mark (the alias says how it is given back)")};
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, attach::open_netns(request));
  const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request);
  std::optional<ipam::Call> addresses;
  if (ipam) {
    addresses = ipam->start(cni::Verb::kAdd);
  }
  Transaction transaction;
  std::optional<netlink::Link> link;
  if (!is_driven_by_user_space(config.keys)) {
    link = take(sandbox, request, attachment, config.keys, transaction);
  }
  cni::Result result;
  if (ipam) {
    transaction.undo_with("release the addresses",
                          [plugin = *ipam, conf] { plugin.run(cni::Verb::kDel, conf); });
    addresses->ask(conf);
    result = addresses->result(conf);
  }
  complete(result, request, conf, link, config.keys);
  if (link) {
    attach::set_up_link(sandbox, host, request, *link, attach::plan_interface(result),
                        {.sysctls = config.sysctls}, transaction);
  }
  transaction.commit();
  return result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  ErrorList errors;
  // The address is free for others only when nothing has it.
  errors.attempt([&] {
    give_back_device(request, attach::attachment_of(request, conf), parse_keys_leniently(conf));
  });
  errors.attempt([&] {
    if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
      ipam->run(cni::Verb::kDel, conf);
    }
  });
  errors.throw_if_any();
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kCheck, conf);
  }
  if (is_driven_by_user_space(config.keys)) {
    return;
  }
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  attach::throw_if_changed(
      request, conf,
      attach::container_link_problems(request, conf, "", config.sysctls,
                                      [&](netlink::Sandbox&, const netlink::Link& link) {
                                        return device_problems(link, attachment);
                                      }));
}

void gc(const cni::Request& request, const cni::NetConf& conf) {
  ErrorList errors;
  attach::LeaseCollection leases(request, conf, errors);
  errors.attempt([&] {
    collect_returned_devices(conf.name, attach::valid_keys(conf.name, conf.valid_attachments),
                             errors);
  });
  leases.remove_from_containers([&](const cni::Request& gone) {
    give_back_from_container(gone, attach::attachment_of(gone, conf), {});
  });
  leases.free_leases();
  errors.throw_if_any();
}

void status(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  if (!config.keys.empty() && !is_driven_by_user_space(config.keys)) {
    netlink::RouteSocket host;
    if (!find_present_or_returned(host, config.keys)) {
      throw cni::Error(cni::Code::kPluginNotAvailable, concat(describe(config.keys),
                                                              ": the host has no such device, or a "
                                                              "container has it already"));
    }
  }
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kStatus, conf);
  }
}

}  // namespace linnet::host_device
