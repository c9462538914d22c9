#include "plugins/meta/portmap/flows.h"

#include <netinet/in.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "netlink/conntrack.h"

namespace linnet::portmap {

namespace {

// Family, protocol and port of the host: what a flow is looked up by.
using Key = std::tuple<Family, std::uint8_t, std::uint16_t>;
using Index = std::multimap<Key, const Redirect*>;

bool has_flows_that_stay(const Redirect& redirect) { return redirect.protocol != IPPROTO_TCP; }

Index index_of(std::span<const Redirect> redirects) {
  Index index;
  for (const Redirect& redirect : redirects) {
    if (has_flows_that_stay(redirect)) {
      index.emplace(Key(redirect.family, redirect.protocol, redirect.host_port), &redirect);
    }
  }
  return index;
}

bool goes_to_container(const netlink::Flow& flow, const Redirect& redirect) {
  return flow.reply.source == redirect.container &&
         flow.reply.source_port == redirect.container_port;
}

// A dump a family and protocol, and only of the one port when there is no other: the kernel sorts out what
// it can.
void forget(const Index& index,
            const std::function<bool(const netlink::Flow&, const Redirect&)>& wanted) {
  std::map<std::pair<Family, std::uint8_t>, std::optional<std::uint16_t>> dumps;
  for (const auto& [key, redirect] : index) {
    const auto [family, protocol, port] = key;
    const auto [dump, first] = dumps.try_emplace({family, protocol}, port);
    if (!first && dump->second != port) {
      dump->second.reset();
    }
  }
  if (dumps.empty()) {
    return;
  }
  netlink::ConntrackSocket socket;
  for (const auto& [dump, port] : dumps) {
    const auto [family, protocol] = dump;
    socket.remove_flows(
        {.family = family, .protocol = protocol, .original_destination_port = port},
        [&, family = family, protocol = protocol](const netlink::Flow& flow) {
          const auto [begin, end] =
              index.equal_range(Key(family, protocol, flow.original.destination_port));
          return std::any_of(begin, end, [&](const auto& entry) {
            const Redirect& redirect = *entry.second;
            return (!redirect.host_ip || *redirect.host_ip == flow.original.destination) &&
                   wanted(flow, redirect);
          });
        });
  }
}

}  // namespace

void forget_flows_before(std::span<const Redirect> redirects, netlink::RouteSocket& host) {
  std::map<IpAddress, bool> local;
  const auto is_local = [&](const IpAddress& address) {
    const auto [entry, first] = local.try_emplace(address, false);
    if (first) {
      const std::optional<netlink::RouteLookup> route = host.look_up_route(address);
      entry->second = route && route->local;
    }
    return entry->second;
  };
  forget(index_of(redirects), [&](const netlink::Flow& flow, const Redirect& redirect) {
    return !goes_to_container(flow, redirect) && is_local(flow.original.destination);
  });
}

void forget_flows_of(std::span<const Redirect> redirects) {
  forget(index_of(redirects), goes_to_container);
}

std::vector<Redirect> redirects_of(const Plan& plan) {
  std::vector<Redirect> redirects;
  for (const SetElements& list : plan.ports) {
    for (const auto& element : list.elements) {
      if (const std::optional<Redirect> redirect = redirect_of(list.set, element)) {
        redirects.push_back(*redirect);
      }
    }
  }
  return redirects;
}

}  // namespace linnet::portmap
