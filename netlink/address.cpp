#include "netlink/address.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/text.h"
#include "netlink/message.h"
#include "netlink/socket.h"

namespace linnet::netlink {

namespace {

unsigned char kernel_family(Family family) { return family == Family::kIpv4 ? AF_INET : AF_INET6; }

Message address_message(int type, int flags, int link, const Cidr& address) {
  ifaddrmsg header{};
  header.ifa_family = kernel_family(address.family());
  header.ifa_prefixlen = static_cast<unsigned char>(address.prefix_length());
  header.ifa_index = static_cast<unsigned>(link);
  Message message(type, flags);
  message.header(header)
      .address(IFA_LOCAL, address.address())
      .address(IFA_ADDRESS, address.address());
  return message;
}

Message route_message(int type, int flags, const Route& route) {
  rtmsg header{};
  header.rtm_family = kernel_family(route.dst.family());
  header.rtm_dst_len = static_cast<unsigned char>(route.dst.prefix_length());
  const std::uint32_t table = route.table.value_or(RT_TABLE_MAIN);
  header.rtm_table = static_cast<unsigned char>(table < 256 ? table : RT_TABLE_UNSPEC);
  header.rtm_protocol =
      route.protocol.value_or(type == RTM_DELROUTE ? RTPROT_UNSPEC : RTPROT_BOOT);
  header.rtm_scope = route.scope.value_or(route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
  header.rtm_type = RTN_UNICAST;
  header.rtm_flags = route.onlink ? RTNH_F_ONLINK : 0U;
  Message message(type, flags);
  message.header(header);
  if (route.dst.prefix_length() != 0) {
    message.address(RTA_DST, route.dst.first());
  }
  if (route.gateway) {
    message.address(RTA_GATEWAY, *route.gateway);
  }
  if (route.source) {
    message.address(RTA_PREFSRC, *route.source);
  }
  message.u32(RTA_OIF, static_cast<std::uint32_t>(route.link)).u32(RTA_TABLE, table);
  if (route.priority != 0) {
    message.u32(RTA_PRIORITY, route.priority);
  }
  if (route.mtu != 0 || route.advmss != 0) {
    message.nest(RTA_METRICS, [&] {
      if (route.mtu != 0) {
        message.u32(RTAX_MTU, route.mtu);
      }
      if (route.advmss != 0) {
        message.u32(RTAX_ADVMSS, route.advmss);
      }
    });
  }
  return message;
}

std::string describe(const Route& route, std::string_view link_name) {
  return concat("route to ", route.dst.text(),
                route.gateway ? concat(" via ", route.gateway->text()) : "", " dev ", link_name,
                route.table ? concat(" table ", *route.table) : "");
}

Message neighbour_message(int type, int flags, const Neighbour& neighbour) {
  ndmsg header{};
  header.ndm_family = kernel_family(neighbour.address.family());
  header.ndm_ifindex = neighbour.link;
  header.ndm_state = neighbour.permanent ? NUD_PERMANENT : NUD_REACHABLE;
  Message message(type, flags);
  message.header(header).address(NDA_DST, neighbour.address);
  if (neighbour.mac) {
    message.mac(NDA_LLADDR, *neighbour.mac);
  }
  return message;
}

}  // namespace

void add_address(Batch& batch, int link, const Cidr& address, std::string_view link_name,
                 AddressOptions options) {
  Message message = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, address);
  const bool no_detection = !address.is_ipv4() && options.detection == DuplicateDetection::kNone;
  const std::uint32_t flags =
      (no_detection ? IFA_F_NODAD : 0U) |
      (options.subnet_route == SubnetRoute::kNone ? IFA_F_NOPREFIXROUTE : 0U);
  if (flags != 0) {
    message.u32(IFA_FLAGS, flags);
  }
  // The kernel makes no broadcast address by itself; /31 and /32 have none.
  if (address.is_ipv4() && address.prefix_length() < 31) {
    message.address(IFA_BROADCAST, address.last());
  }
  batch.append(message, concat("add address ", address.text(), " to ", link_name));
}

void remove_address(Batch& batch, int link, const Cidr& address, std::string_view link_name) {
  batch.append(address_message(RTM_DELADDR, 0, link, address),
               concat("remove address ", address.text(), " from ", link_name));
}

void add_route(Batch& batch, const Route& route, std::string_view link_name) {
  batch.append(route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, route),
               concat("add ", describe(route, link_name)));
}

void add_only_route(Batch& batch, const Route& route, std::string_view link_name) {
  batch.append(route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route),
               concat("add ", describe(route, link_name)));
}

void replace_route(Batch& batch, const Route& route, std::string_view link_name) {
  batch.append(route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route),
               concat("set ", describe(route, link_name)));
}

void remove_route(Batch& batch, const Route& route, std::string_view link_name) {
  batch.append(route_message(RTM_DELROUTE, 0, route),
               concat("remove ", describe(route, link_name)));
}

void set_neighbour(Batch& batch, const Neighbour& neighbour) {
  batch.append(neighbour_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour),
               concat("set neighbour ", neighbour.address.text()));
}

void remove_neighbour(Batch& batch, const Neighbour& neighbour) {
  batch.append(neighbour_message(RTM_DELNEIGH, 0, neighbour),
               concat("remove neighbour ", neighbour.address.text()));
}

}  // namespace linnet::netlink
