#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <sys/socket.h>

#include "base/text.h"
#include "netlink/address.h"
#include "netlink/conversation.h"
#include "netlink/internal/libnl.h"
#include "netlink/internal/libnl_gaps.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

using nl::require;
using nl::RouteObject;

std::string describe(const Route& route, std::string_view link_name) {
  return concat("route to ", route.dst.text(),
                route.gateway ? concat(" via ", route.gateway->text()) : "", " dev ", link_name,
                route.table ? concat(" table ", *route.table) : "");
}

// `protocol`: where the route names none.
RouteObject route_object(const Route& route, unsigned char protocol) {
  RouteObject object = nl::own<RouteObject>(rtnl_route_alloc());
  require(rtnl_route_set_family(object.get(), route.dst.is_ipv4() ? AF_INET : AF_INET6),
          "set a route's family");
  rtnl_route_set_table(object.get(), route.table.value_or(RT_TABLE_MAIN));
  rtnl_route_set_protocol(object.get(), route.protocol.value_or(protocol));
  rtnl_route_set_scope(object.get(),
                       route.scope.value_or(route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK));
  require(rtnl_route_set_type(object.get(), RTN_UNICAST), "set a route's type");
  require(rtnl_route_set_dst(object.get(), nl::to_bytes(route.dst.network()).get()),
          "set a route's destination");
  if (route.source) {
    require(rtnl_route_set_pref_src(object.get(), nl::to_bytes(*route.source).get()),
            "set a route's source");
  }
  if (route.priority != 0) {
    rtnl_route_set_priority(object.get(), route.priority);
  }
  if (route.mtu != 0) {
    require(rtnl_route_set_metric(object.get(), RTAX_MTU, route.mtu), "set a route's MTU");
  }
  if (route.advmss != 0) {
    require(rtnl_route_set_metric(object.get(), RTAX_ADVMSS, route.advmss), "set a route's MSS");
  }
  nl::NextHop hop = nl::own<nl::NextHop>(rtnl_route_nh_alloc());
  rtnl_route_nh_set_ifindex(hop.get(), route.link);
  if (route.gateway) {
    rtnl_route_nh_set_gateway(hop.get(), nl::to_bytes(*route.gateway).get());
  }
  if (route.onlink) {
    rtnl_route_nh_set_flags(hop.get(), RTNH_F_ONLINK);
  }
  rtnl_route_add_nexthop(object.get(), hop.release());
  return object;
}

void append_route(Batch& batch, int flags, const Route& route, std::string what) {
  const RouteObject object = route_object(route, RTPROT_BOOT);
  const nl::Message message = nl::build_message(what, [&](nl_msg** built) {
    return rtnl_route_build_add_request(object.get(), flags, built);
  });
  nl::append(batch, message, std::move(what));
}

nl::RouteObject parse_object(const nlmsghdr* message) {
  rtnl_route* route = nullptr;
  if (nl::header_of<rtmsg>(message, RTM_NEWROUTE) != nullptr && nl::can_parse(message)) {
    static_cast<void>(rtnl_route_parse(const_cast<nlmsghdr*>(message), &route));
  }
  return RouteObject(route);
}

std::uint32_t metric_of(rtnl_route* route, int metric) {
  std::uint32_t value = 0;
  return rtnl_route_get_metric(route, metric, &value) == 0 ? value : 0;
}

}  // namespace

void add_route(Batch& batch, const Route& route, std::string_view link_name) {
  append_route(batch, NLM_F_APPEND, route, concat("add ", describe(route, link_name)));
}

void add_only_route(Batch& batch, const Route& route, std::string_view link_name) {
  append_route(batch, NLM_F_EXCL, route, concat("add ", describe(route, link_name)));
}

void replace_route(Batch& batch, const Route& route, std::string_view link_name) {
  append_route(batch, NLM_F_REPLACE, route, concat("set ", describe(route, link_name)));
}

void remove_route(Batch& batch, const Route& route, std::string_view link_name) {
  std::string what = concat("remove ", describe(route, link_name));
  const RouteObject object = route_object(route, RTPROT_UNSPEC);
  const nl::Message message = nl::build_message(what, [&](nl_msg** built) {
    return rtnl_route_build_del_request(object.get(), 0, built);
  });
  nl::append(batch, message, std::move(what));
}

std::vector<Route> parse_routes(const nlmsghdr* message) {
  const RouteObject object = parse_object(message);
  if (!object || rtnl_route_get_type(object.get()) != RTN_UNICAST ||
      (rtnl_route_get_flags(object.get()) & RTM_F_CLONED) != 0) {
    return {};
  }
  rtnl_route* const read = object.get();
  const Family family = rtnl_route_get_family(read) == AF_INET ? Family::kIpv4 : Family::kIpv6;
  const nl_addr* const prefix = rtnl_route_get_dst(read);
  const IpAddress destination = nl::to_ip_address(prefix).value_or(IpAddress::unspecified(family));
  const unsigned length = nl_addr_get_prefixlen(prefix);
  if (length > destination.bits()) {
    return {};
  }
  Route common;
  common.dst = {destination, length};
  common.source = nl::to_ip_address(rtnl_route_get_pref_src(read));
  common.priority = rtnl_route_get_priority(read);
  common.table = rtnl_route_get_table(read);
  common.protocol = rtnl_route_get_protocol(read);
  common.scope = rtnl_route_get_scope(read);
  common.mtu = metric_of(read, RTAX_MTU);
  common.advmss = metric_of(read, RTAX_ADVMSS);
  const int hops = rtnl_route_get_nnexthops(read);
  if (hops == 0) {
    return {common};
  }
  std::vector<Route> routes;
  for (int i = 0; i < hops; ++i) {
    rtnl_nexthop* const hop = rtnl_route_nexthop_n(read, i);
    Route route = common;
    route.link = rtnl_route_nh_get_ifindex(hop);
    route.gateway = nl::to_ip_address(rtnl_route_nh_get_gateway(hop));
    route.onlink = (rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK) != 0;
    routes.push_back(route);
  }
  return routes;
}

std::optional<RouteLookup> parse_route_lookup(const nlmsghdr* message) {
  const RouteObject object = parse_object(message);
  const int type = object ? int{rtnl_route_get_type(object.get())} : int{RTN_UNSPEC};
  if (type != RTN_UNICAST && type != RTN_LOCAL) {
    return std::nullopt;
  }
  const bool local = type == RTN_LOCAL;
  RouteLookup found{.local = local, .on_link = !local};
  if (rtnl_nexthop* const hop = rtnl_route_nexthop_n(object.get(), 0); hop != nullptr) {
    found.link = rtnl_route_nh_get_ifindex(hop);
    found.on_link = !local && rtnl_route_nh_get_gateway(hop) == nullptr &&
                    rtnl_route_nh_get_via(hop) == nullptr;
  }
  return found;
}

}  // namespace linnet::netlink
