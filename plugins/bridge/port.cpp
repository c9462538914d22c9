#include "plugins/bridge/port.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::bridge {

namespace {

// A port that does not come up within this time has a fault that waiting longer does not cure.
constexpr int kPortTimeoutMs = 2000;

}  // namespace

void configure_port(netlink::RouteSocket& host, const netlink::Link& port, const Config& config) {
  netlink::Batch batch;
  std::vector<std::size_t> tolerated;
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
    if (!link) {
      throw cni::Error(
          cni::Code::kInternal,
          concat("bridge port ", port.name, " was removed while ADD was under way"),
          "a DEL of this attachment, or a GC that does not list it, has run meanwhile");
    }
    operational = link->operational;
    if (!operational || !link->port || !link->port->forwarding) {
      return false;
    }
    // A bridge that had no port sends nothing itself until it is operational again.
    if (host.is_running(bridge.name)) {
      return true;
    }
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
