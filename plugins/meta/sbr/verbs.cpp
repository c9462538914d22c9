#include "plugins/meta/sbr/verbs.h"

#include <linux/rtnetlink.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/netns.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/problems.h"
#include "plugins/attach/result.h"
#include "plugins/meta/sbr/config.h"
#include "plugins/meta/sbr/plan.h"

namespace linnet::sbr {

namespace {

using netlink::Route;
using netlink::RouteSocket;
using netlink::Rule;

// Two ADDs in one namespace must not choose the same table.
void lock(const netlink::Netns& netns) {
  while (::flock(netns.fd(), LOCK_EX) != 0) {
    if (errno != EINTR) {
      throw SystemError(errno, "lock the container's network namespace");
    }
  }
}

std::vector<cni::IpConfig> ips_of(const cni::Result& result, const std::string& ifname) {
  return attach::own_part(result, ifname).ips;
}

std::vector<cni::IpConfig> require_ips(const cni::Request& request, const cni::NetConf& conf) {
  if (!conf.prev_result) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "sbr must be called as chained plugin: \"prevResult\" is missing, put it into "
                     "a list behind the plugin whose interface it is about");
  }
  std::vector<cni::IpConfig> ips = ips_of(*conf.prev_result, request.ifname);
  if (ips.empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"prevResult\": got no container IPs for ", request.ifname,
                            ": the plugin before sbr has to set an address"));
  }
  return ips;
}

std::vector<Route> main_routes(RouteSocket& socket, const netlink::Link& link) {
  std::vector<Route> routes = socket.routes(link.index);
  std::erase_if(routes, [](const Route& route) { return route.table != RT_TABLE_MAIN; });
  return routes;
}

std::set<std::uint32_t> taken_tables(RouteSocket& socket) {
  std::set<std::uint32_t> tables;
  for (const Route& route : socket.routes(0)) {
    tables.insert(route.table.value_or(RT_TABLE_MAIN));
  }
  for (const Rule& rule : socket.rules()) {
    tables.insert(rule.table);
  }
  return tables;
}

Route through(Route route, const netlink::Link& link) {
  route.link = link.index;
  return route;
}

// What is gone, or there, already stays so.
void execute_tolerantly(RouteSocket& socket, const netlink::Batch& batch) {
  if (batch.empty()) {
    return;
  }
  const std::vector<netlink::Ack> acks = socket.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    const int error = acks[i].error;
    if (error != 0 && error != ENOENT && error != ESRCH && error != EEXIST && error != ENODEV) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

void take_back(const cni::Request& request, const netlink::Link& link, const Plan& plan) {
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    return;
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  netlink::Batch batch;
  for (const Rule& rule : plan.rules) {
    netlink::remove_rule(batch, rule);
  }
  for (const Route& route : plan.removed) {
    netlink::add_only_route(batch, through(route, link), link.name);
  }
  for (auto route = plan.added.rbegin(); route != plan.added.rend(); ++route) {
    netlink::remove_route(batch, through(*route, link), link.name);
  }
  execute_tolerantly(sandbox.socket(), batch);
}

void apply(RouteSocket& socket, const netlink::Link& link, const Plan& plan) {
  netlink::Batch batch;
  for (const Route& route : plan.added) {
    netlink::replace_route(batch, through(route, link), link.name);
  }
  for (const Rule& rule : plan.rules) {
    netlink::add_rule(batch, rule);
  }
  for (const Route& route : plan.hints) {
    netlink::replace_route(batch, through(route, link), link.name);
  }
  for (const Route& route : plan.removed) {
    netlink::remove_route(batch, through(route, link), link.name);
  }
  socket.execute(batch);
}

// Addresses that the interface has, and those that it had according to prevResult.
std::vector<Cidr> sources(RouteSocket& socket, const std::optional<netlink::Link>& link,
                          const cni::Request& request, const cni::NetConf& conf) {
  std::vector<Cidr> found;
  if (link) {
    for (const netlink::Address& address : socket.addresses(link->index)) {
      found.push_back(Cidr::host(address.address.address()));
    }
  }
  if (conf.prev_result) {
    for (const cni::IpConfig& ip : ips_of(*conf.prev_result, request.ifname)) {
      found.push_back(Cidr::host(ip.address.address()));
    }
  }
  return found;
}

// The table of a caller stays as it is.
std::uint32_t table_of_caller(const cni::NetConf& conf) {
  const cni::Json* table = cni::find_key(conf.json, "table");
  return table != nullptr && table->is_number_unsigned() ? table->get<std::uint32_t>() : 0;
}

attach::Problems address_problems(const Config& config, const cni::IpConfig& ip,
                                  const netlink::Link& link, const std::vector<Rule>& rules,
                                  const std::vector<Route>& routes) {
  const std::string address = ip.address.address().text();
  const auto rule = std::ranges::find(rules, Cidr::host(ip.address.address()), &Rule::source);
  if (rule == rules.end()) {
    return {concat("there is no rule for what comes from ", address)};
  }
  if (config.table != 0) {
    return rule->table == config.table
               ? attach::Problems{}
               : attach::Problems{concat("what comes from ", address, " looks up table ",
                                         rule->table, ", not ", config.table)};
  }
  const auto& configured = config.gateway(ip.address.family());
  const std::optional<IpAddress>& gateway = configured ? configured : ip.gateway;
  const bool leads_out = std::ranges::any_of(routes, [&](const Route& route) {
    return route.table == rule->table && route.dst.is_default_route() && route.gateway == gateway;
  });
  if (gateway && !leads_out) {
    return {concat("table ", rule->table, " for what comes from ", address,
                   " lacks the default route via ", gateway->text(), " dev ", link.name)};
  }
  return {};
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const std::vector<cni::IpConfig> ips = require_ips(request, conf);
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, attach::open_netns(request));
  lock(sandbox.netns());
  RouteSocket& socket = sandbox.socket();
  const netlink::Link link = socket.get_link(request.ifname);
  const Plan plan =
      plan_source_routing(config, ips, main_routes(socket, link), taken_tables(socket));
  Transaction transaction;
  transaction.undo_with("take back rules and routes",
                        [request, link, plan] { take_back(request, link, plan); });
  apply(socket, link, plan);
  transaction.commit();
  return *conf.prev_result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    return;
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  RouteSocket& socket = sandbox.socket();
  const std::optional<netlink::Link> link = socket.find_link(request.ifname);
  const std::vector<Cidr> own = sources(socket, link, request, conf);
  const std::uint32_t callers = table_of_caller(conf);
  netlink::Batch batch;
  std::set<std::uint32_t> tables;
  for (const Rule& rule : socket.rules()) {
    if (std::ranges::find(own, rule.source) != own.end()) {
      netlink::remove_rule(batch, rule);
      tables.insert(rule.table);
    }
  }
  for (const Route& route : link ? socket.routes(link->index) : std::vector<Route>{}) {
    if (route.table && *route.table >= kFirstTable && *route.table != callers &&
        *route.table != RT_TABLE_MAIN && tables.contains(*route.table)) {
      netlink::remove_route(batch, route, link->name);
    }
  }
  execute_tolerantly(socket, batch);
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const std::vector<cni::IpConfig> ips = require_ips(request, conf);
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, attach::open_netns(request));
  RouteSocket& socket = sandbox.socket();
  const std::optional<netlink::Link> link = socket.find_link(request.ifname);
  attach::Problems problems;
  if (!link) {
    problems.push_back(concat(request.ifname, " is not in the container"));
  } else {
    const std::vector<Rule> rules = socket.rules();
    const std::vector<Route> routes = socket.routes(link->index);
    for (const cni::IpConfig& ip : ips) {
      attach::append(problems, address_problems(config, ip, *link, rules, routes));
    }
  }
  attach::throw_if_changed(request, conf, problems);
}

void status(const cni::Request& /*request*/, const cni::NetConf& conf) {
  static_cast<void>(parse_config(conf));
  attach::rehearse([](RouteSocket& socket) {
    netlink::Batch batch;
    netlink::add_rule(batch,
                      {.source = Cidr::host(*IpAddress::parse("192.0.2.1")), .table = kFirstTable});
    socket.execute(batch);
  });
}

}  // namespace linnet::sbr
