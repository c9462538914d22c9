#include "plugins/host-device/handover.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/host-device/device.h"
#include "plugins/host-device/mark.h"

namespace linnet::host_device {

namespace {

using netlink::Link;
using netlink::RouteSocket;

struct Taken {
  Link link;
  Mark mark;
};

template <typename Wanted>
std::optional<Taken> find_marked(RouteSocket& socket, const Wanted& wanted) {
  for (Link& link : socket.links()) {
    if (std::optional<Mark> mark = parse_mark(link.alias); mark && wanted(*mark)) {
      return Taken{std::move(link), *std::move(mark)};
    }
  }
  return std::nullopt;
}

// The reference plugin keeps nothing but the name, as the alias.
std::optional<Taken> as_taken_by_reference(const Link& link) {
  if (link.alias.empty() || !attach::key_in_alias(link.alias).empty() ||
      !cni::problem_with_ifname(link.alias).empty()) {
    return std::nullopt;
  }
  return Taken{link, {.owner_key = {}, .name = link.alias, .up = false, .alias = {}}};
}

// It is told by the configuration: an alias alone may be anybody's.
std::optional<Taken> find_taken_by_reference(const netlink::Sandbox& sandbox, RouteSocket& inside,
                                             const std::string& ifname, const DeviceKeys& keys) {
  const std::optional<Link> link = keys.empty() ? std::nullopt : inside.find_link(ifname);
  std::optional<Taken> taken = link ? as_taken_by_reference(*link) : std::nullopt;
  if (!taken) {
    return std::nullopt;
  }
  if (!keys.device.empty()) {
    return taken->mark.name == keys.device ? taken : std::nullopt;
  }
  std::optional<Link> meant;
  sandbox.run([&] { meant = find_device(inside, keys); });
  return meant && meant->index == link->index ? taken : std::nullopt;
}

std::optional<Taken> find_in_container(netlink::Sandbox& sandbox,
                                       const attach::Attachment& attachment,
                                       const DeviceKeys& keys) {
  const std::string own_key = attach::owner_key(attachment);
  std::optional<Taken> taken =
      find_marked(sandbox.socket(), [&](const Mark& mark) { return mark.owner_key == own_key; });
  return taken ? taken
               : find_taken_by_reference(sandbox, sandbox.socket(), attachment.ifname, keys);
}

std::optional<Taken> find_returned(RouteSocket& host, const attach::Attachment& attachment,
                                   const DeviceKeys& keys) {
  const std::string own_key = attach::owner_key(attachment);
  if (auto own = find_marked(host, [&](const Mark& mark) { return mark.owner_key == own_key; })) {
    return own;
  }
  const std::optional<Link> link = keys.device.empty() || host.find_link(keys.device)
                                       ? std::nullopt
                                       : host.find_link(attachment.ifname);
  const std::optional<Taken> taken = link ? as_taken_by_reference(*link) : std::nullopt;
  return taken && taken->mark.name == keys.device ? taken : std::nullopt;
}

void require_free_name(RouteSocket& host, const Taken& taken) {
  const std::optional<Link> other = host.find_link(taken.mark.name);
  if (other && other->alias != taken.link.alias) {
    throw cni::Error(cni::Code::kInternal,
                     concat("the device that is ", taken.link.name,
                            " in the container cannot be given back: the host has another link "
                            "named ",
                            taken.mark.name, ", rename or remove that"));
  }
}

netlink::LinkChange restoration_of(const Taken& taken) {
  netlink::LinkChange change{.index = taken.link.index, .name = taken.mark.name};
  change.new_name = taken.mark.name;
  change.alias = taken.mark.alias;
  change.up = taken.mark.up;
  return change;
}

// A device that is on the host, where it has to be down to be renamed.
Link restore_in_place(RouteSocket& host, const Taken& taken) {
  require_free_name(host, taken);
  netlink::Batch batch;
  netlink::change_link(batch, {.index = taken.link.index, .name = taken.link.name, .up = false});
  netlink::change_link(batch, restoration_of(taken));
  host.execute(batch);
  return host.get_link(taken.mark.name);
}

void move_back(RouteSocket& host, const netlink::Netns& host_netns, RouteSocket& inside,
               const Taken& taken) {
  require_free_name(host, taken);
  netlink::LinkChange change = restoration_of(taken);
  change.netns = host_netns.fd();
  netlink::Batch batch;
  netlink::change_link(batch, change);
  inside.execute(batch);
}

void warn_of_lost_addresses(RouteSocket& host, const Link& device) {
  std::vector<std::string> lost;
  for (const netlink::Address& address : host.addresses(device.index)) {
    if (!address.address.address().is_link_local_unicast()) {
      lost.push_back(address.address.text());
    }
  }
  if (!lost.empty()) {
    log_warning(concat("the host loses the addresses of ", device.name, ": ", join(lost, ", ")));
  }
}

}  // namespace

std::optional<Link> find_present_or_returned(RouteSocket& host, const DeviceKeys& keys) {
  std::optional<Link> link = find_device(host, keys);
  if (!link && !keys.device.empty()) {
    if (const auto returned =
            find_marked(host, [&](const Mark& mark) { return mark.name == keys.device; })) {
      link = returned->link;
    }
  }
  return link;
}

Link get_device(RouteSocket& host, const DeviceKeys& keys) {
  const std::optional<Link> link = find_present_or_returned(host, keys);
  if (!link) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat(describe(keys),
                            ": the host has no such device: is it in another container, or driven "
                            "by a driver without network interface?"));
  }
  const std::optional<Mark> mark = parse_mark(link->alias);
  return mark ? restore_in_place(host, {*link, *mark}) : *link;
}

void take_device(RouteSocket& host, const netlink::Sandbox& sandbox, const Link& device,
                 const attach::Attachment& attachment) {
  warn_of_lost_addresses(host, device);
  netlink::LinkChange change{.index = device.index, .name = device.name};
  change.netns = sandbox.netns().fd();
  change.new_name = attachment.ifname;
  change.alias = mark_text(mark_of(device, attachment));
  netlink::Batch batch;
  netlink::change_link(batch, change);
  const netlink::Ack ack = host.exchange(batch)[0];
  if (ack.error == EINVAL) {
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        concat(netlink::Error(ack, concat("move ", device.name, " into the container")).what(),
               ": the kernel keeps links such as bridges and lo in their namespace"));
  }
  if (!ack.ok()) {
    throw netlink::Error(ack, concat("move ", device.name, " into the container"));
  }
}

bool give_back_from_container(const cni::Request& request, const attach::Attachment& attachment,
                              const DeviceKeys& keys) {
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    return false;
  }
  RouteSocket host;
  const netlink::Netns host_netns = netlink::Netns::current();
  netlink::Sandbox sandbox(host_netns, *std::move(netns));
  const std::optional<Taken> taken = find_in_container(sandbox, attachment, keys);
  if (taken) {
    move_back(host, host_netns, sandbox.socket(), *taken);
  }
  return taken.has_value();
}

void give_back_device(const cni::Request& request, const attach::Attachment& attachment,
                      const DeviceKeys& keys) {
  if (give_back_from_container(request, attachment, keys)) {
    return;
  }
  RouteSocket host;
  if (const auto taken = find_returned(host, attachment, keys)) {
    static_cast<void>(restore_in_place(host, *taken));
  }
}

void collect_returned_devices(const std::string& network,
                              const std::set<std::string, std::less<>>& valid, ErrorList& errors) {
  const std::string prefix = attach::network_key(network);
  RouteSocket host;
  for (const Link& link : host.links()) {
    const std::optional<Mark> mark = parse_mark(link.alias);
    if (mark && mark->owner_key.starts_with(prefix) && !valid.contains(mark->owner_key)) {
      errors.attempt([&] { static_cast<void>(restore_in_place(host, {link, *mark})); });
    }
  }
}

}  // namespace linnet::host_device
