#include "plugins/bridge/port.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::bridge {

namespace {

// A port that does not come up within this time has a fault that waiting longer does not cure.
constexpr int kPortTimeoutMs = 2000;

// One of the pair's names is taken. Throws unless the way is free for a second attempt.
void resolve_name_clash(netlink::RouteSocket& host, netlink::RouteSocket& sandbox,
                        const attach::Attachment& attachment) {
  if (sandbox.find_link(attachment.ifname)) {
    throw cni::Error(
        cni::Code::kInvalidEnvironment,
        concat("CNI_IFNAME: ", linnet::quoted(attachment.ifname),
               " already exists in the container's namespace: call DEL before a second ADD"));
  }
  const std::string host_name = attach::host_link_name(attachment);
  const std::optional<netlink::Link> link = host.find_link(host_name);
  if (link && attach::key_in_alias(link->alias) != attach::owner_key(attachment)) {
    throw cni::Error(cni::Code::kInternal, concat("the host already has a link named ", host_name,
                                                  " that belongs to something else: remove it"));
  }
  // Of an earlier namespace of the same container, whose DEL never came.
  host.remove_link_if_present(host_name);
}

// Absent when one of the names is taken.
std::optional<netlink::Link> try_to_create(netlink::RouteSocket& host,
                                           const netlink::NewVeth& veth) {
  try {
    return host.try_create_veth(veth);
  } catch (const netlink::Error&) {
    throw;
  } catch (const SystemError&) {
    // The answer is lost and the pair may be there. One of an earlier ADD carries its owner's mark.
    netlink::RouteSocket again;
    if (const auto link = again.find_link(veth.name); link && link->alias.empty()) {
      again.remove_link_if_present(veth.name);
    }
    throw;
  }
}

}  // namespace

netlink::Link create_pair(netlink::RouteSocket& host, const netlink::Netns& host_netns,
                          const netlink::Netns& sandbox, const netlink::Link& bridge,
                          const attach::Attachment& attachment, const Config& config) {
  const netlink::NewVeth veth = {
      .name = attach::host_link_name(attachment),
      .mac = attach::host_mac(attachment),
      .peer_name = attachment.ifname,
      .peer_mac = config.mac.value_or(attach::container_mac(attachment)),
      .peer_netns = sandbox.fd(),
      .mtu = config.mtu,
      .master = bridge.index,
  };
  if (std::optional<netlink::Link> port = try_to_create(host, veth)) {
    return *std::move(port);
  }
  std::optional<netlink::RouteSocket> inside;
  host_netns.run_inside(sandbox, [&] { inside.emplace(); });
  resolve_name_clash(host, *inside, attachment);
  if (std::optional<netlink::Link> port = try_to_create(host, veth)) {
    return *std::move(port);
  }
  throw cni::Error(cni::Code::kTryAgainLater,
                   concat("create veth ", veth.name,
                          ": another process makes a link of that name at the same time"));
}

void configure_port(netlink::RouteSocket& host, const netlink::Link& port,
                    const attach::Attachment& attachment, const Config& config) {
  netlink::Batch batch;
  std::vector<std::size_t> tolerated;
  netlink::change_link(
      batch, {.index = port.index, .name = port.name, .alias = attach::owner_alias(attachment)});
  // A kernel without IPv6 refuses; there is nothing to switch off then.
  tolerated.push_back(batch.size());
  netlink::change_link(batch, {.index = port.index, .name = port.name, .no_ipv6_address = true});
  if (config.hairpin || config.port_isolation) {
    netlink::change_port(
        batch, {.index = port.index, .hairpin = config.hairpin, .isolated = config.port_isolation});
  }
  if (config.uses_vlans()) {
    if (!config.preserve_default_vlan) {
      tolerated.push_back(batch.size());
      // The bridge's default VLAN, whichever it is.
      netlink::remove_vlans(batch, port.index, {{.first = 1, .last = 4094}});
    }
    netlink::add_vlans(batch, port.index, plan_vlans(config));
  }
  netlink::change_link(batch, {.index = port.index, .name = port.name, .up = true});
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && std::ranges::find(tolerated, i) == tolerated.end()) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

void wait_until_forwarding(netlink::RouteSocket& host, const netlink::Link& port,
                           const netlink::Link& bridge) {
  // Current kernels bring the carrier up to date when they are asked for the link; older ones announce it
  // a little later.
  bool operational = false;
  const auto forwards = [&] {
    const std::optional<netlink::Link> link = host.find_link(port.index);
    operational = link && link->operational;
    if (!operational || !link->port || !link->port->forwarding) {
      return false;
    }
    // A bridge that had no port sends nothing itself until it is operational again.
    const std::optional<netlink::Link> master = host.find_link(bridge.index);
    return !master || !master->up || master->operational;
  };
  if (forwards()) {
    return;
  }
  netlink::Monitor monitor(netlink::Monitor::Subject::kLinks);
  // A bridge with spanning tree keeps an operational port from forwarding for half a minute: no fault.
  if (!monitor.wait(kPortTimeoutMs, forwards) && !operational) {
    throw cni::Error(
        cni::Code::kInternal,
        concat("bridge port ", port.name, " in error state: not up after ", kPortTimeoutMs, " ms"));
  }
}

}  // namespace linnet::bridge
