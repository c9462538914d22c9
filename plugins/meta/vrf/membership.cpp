#include "plugins/meta/vrf/membership.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"

namespace linnet::vrf {

namespace {

using netlink::Address;
using netlink::Link;
using netlink::Route;
using netlink::RouteSocket;

// More than duplicate detection takes.
constexpr int kAddressTimeoutMs = 5000;

std::uint32_t table_of(const std::optional<Link>& vrf) {
  return vrf ? vrf->vrf_table.value_or(RT_TABLE_MAIN) : std::uint32_t{RT_TABLE_MAIN};
}

// Those that the kernel makes by itself, wherever the interface is.
bool is_kernels(const Route& route, const std::vector<Address>& addresses) {
  if (!route.dst.is_ipv4() &&
      (route.dst.address().is_link_local_unicast() || route.dst.address().is_multicast())) {
    return true;
  }
  return !route.gateway && std::ranges::any_of(addresses, [&](const Address& address) {
    return address.address.network() == route.dst;
  });
}

std::vector<Route> routes_to_keep(RouteSocket& inside, const Link& link, std::uint32_t table,
                                  const std::vector<Address>& addresses) {
  std::vector<Route> routes = inside.routes(link.index);
  std::erase_if(routes, [&](const Route& route) {
    return route.table != table || is_kernels(route, addresses);
  });
  std::stable_partition(routes.begin(), routes.end(),
                        [](const Route& route) { return !route.gateway.has_value(); });
  return routes;
}

bool is_kept(const Address& address) {
  return !address.address.is_ipv4() && address.permanent && address.scope == RT_SCOPE_UNIVERSE;
}

bool all_usable(RouteSocket& inside, const Link& link, const std::vector<Address>& addresses) {
  const std::vector<Address> present = inside.addresses(link.index);
  return std::ranges::all_of(addresses, [&](const Address& wanted) {
    const auto found = std::ranges::find(present, wanted.address, &Address::address);
    return !is_kept(wanted) || (found != present.end() && !found->tentative);
  });
}

struct Move {
  Link link;
  std::optional<Link> master;  // that it shall have
  std::vector<Address> addresses;
  std::vector<Route> routes;  // in the table of that master
};

void set_routes(netlink::Batch& batch, const Move& move, const std::vector<Route>& routes) {
  for (const Route& route : routes) {
    netlink::replace_route(batch, route, move.link.name);
  }
}

void remove_routes(RouteSocket& inside, const Move& move) {
  netlink::Batch batch;
  for (const Route& route : move.routes) {
    netlink::remove_route(batch, route, move.link.name);
  }
  if (!batch.empty()) {
    static_cast<void>(inside.exchange(batch));
  }
}

// All of it in one datagram: with a change of master the kernel drops the routes, and of a process that is killed
// then nobody would know them. Those that have to wait for an address are returned.
std::vector<Route> begin_move(RouteSocket& inside, const Move& move) {
  netlink::Batch batch;
  netlink::change_link(batch, {.index = move.link.index,
                               .name = move.link.name,
                               .master = move.master ? move.master->index : 0});
  for (const Address& address : move.addresses) {
    if (is_kept(address)) {
      netlink::add_address(batch, move.link.index, address.address, move.link.name,
                           {.detection = netlink::DuplicateDetection::kNone});
    }
  }
  const std::size_t first_route = batch.size();
  set_routes(batch, move, move.routes);
  const std::vector<netlink::Ack> acks = inside.exchange(batch);
  if (!acks[0].ok()) {
    remove_routes(inside, move);
    throw netlink::Error(acks[0], batch.what(0));
  }
  std::vector<Route> waiting;
  for (std::size_t i = 1; i < acks.size(); ++i) {
    if (i >= first_route && !acks[i].ok()) {
      waiting.push_back(move.routes[i - first_route]);
    } else if (!acks[i].ok() && acks[i].error != EEXIST) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
  return waiting;
}

// The interface under that master, with its addresses, and its routes in the master's table.
void put(netlink::Sandbox& sandbox, RouteSocket& inside, Move move) {
  for (Route& route : move.routes) {
    route.table = table_of(move.master);
  }
  std::optional<netlink::Monitor> monitor;
  sandbox.run([&] { monitor.emplace(netlink::Monitor::Subject::kIpv6Addresses); });
  const std::vector<Route> waiting = begin_move(inside, move);
  if (!monitor->wait(kAddressTimeoutMs,
                     [&] { return all_usable(inside, move.link, move.addresses); })) {
    throw cni::Error(cni::Code::kTryAgainLater,
                     concat("the IPv6 addresses of ", move.link.name, " are not usable after ",
                            kAddressTimeoutMs, " ms"));
  }
  netlink::Batch batch;
  set_routes(batch, move, waiting);
  if (!batch.empty()) {
    inside.execute(batch);
  }
}

}  // namespace

std::optional<Link> find_vrf(RouteSocket& inside, const std::string& name) {
  std::optional<Link> link = inside.find_link(name);
  if (link && link->kind != "vrf") {
    throw cni::Error(cni::Code::kInvalidNetworkConfig, concat("\"vrfname\": the container's ", name,
                                                              " is no VRF: choose another name"));
  }
  return link;
}

Link ensure_vrf(RouteSocket& inside, const Config& config) {
  if (std::optional<Link> vrf = find_vrf(inside, config.name)) {
    if (config.table != 0 && vrf->vrf_table != config.table) {
      throw cni::Error(
          cni::Code::kInvalidNetworkConfig,
          concat("\"table\": VRF ", config.name, " already exist with different routing table ",
                 vrf->vrf_table.value_or(0), ", not ", config.table));
    }
    return *std::move(vrf);
  }
  std::vector<std::uint32_t> taken;
  for (const Link& link : inside.links_of_kind("vrf")) {
    taken.push_back(link.vrf_table.value_or(0));
  }
  const std::uint32_t table = config.table != 0 ? config.table : free_table(taken);
  netlink::Batch batch;
  netlink::create_device(batch,
                         {.name = config.name, .kind = "vrf", .vrf_table = table, .up = true});
  const netlink::Ack ack = inside.exchange(batch)[0];
  // EEXIST: of an ADD for another interface of the container at the same time.
  if (!ack.ok() && ack.error != EEXIST) {
    throw netlink::Error(ack, batch.what(0));
  }
  return inside.get_link(config.name);
}

void remove_vrf_if_empty(RouteSocket& inside, const std::string& name) {
  const std::optional<Link> vrf = inside.find_link(name);
  if (vrf && vrf->kind == "vrf" && inside.links(vrf->index).empty()) {
    inside.remove_link_if_present(name);
  }
}

void move_link(netlink::Sandbox& sandbox, const Link& link, const std::optional<Link>& from,
               const std::optional<Link>& to) {
  RouteSocket& inside = sandbox.socket();
  const std::vector<Address> addresses = inside.addresses(link.index);
  const std::vector<Route> routes = routes_to_keep(inside, link, table_of(from), addresses);
  Transaction transaction;
  // The kernel forgets the routes when the interface moves: after that only this process knows them.
  transaction.undo_with(concat("put ", link.name, " back where it was, with its routes"),
                        [&sandbox, link, from, addresses, routes] {
                          std::optional<RouteSocket> again;
                          sandbox.run([&] { again.emplace(); });
                          put(sandbox, *again, {link, from, addresses, routes});
                        });
  put(sandbox, inside, {link, to, addresses, routes});
  transaction.commit();
}

}  // namespace linnet::vrf
