#include "netlink/address.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/text.h"
#include "netlink/conversation.h"
#include "netlink/internal/libnl.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

using nl::AddressObject;
using nl::NeighbourObject;
using nl::require;

AddressObject address_object(int link, const Cidr& address) {
  AddressObject object = nl::own<AddressObject>(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(object.get(), link);
  // libnl would give addresses of 127.0.0.0/8 the scope of the host.
  rtnl_addr_set_scope(object.get(), RT_SCOPE_UNIVERSE);
  require(rtnl_addr_set_local(object.get(), nl::to_bytes(address.address()).get()),
          "set an address");
  rtnl_addr_set_prefixlen(object.get(), static_cast<int>(address.prefix_length()));
  return object;
}

NeighbourObject neighbour_object(const Neighbour& neighbour) {
  NeighbourObject object = nl::own<NeighbourObject>(rtnl_neigh_alloc());
  rtnl_neigh_set_ifindex(object.get(), neighbour.link);
  rtnl_neigh_set_state(object.get(), neighbour.permanent ? NUD_PERMANENT : NUD_REACHABLE);
  require(rtnl_neigh_set_dst(object.get(), nl::to_bytes(neighbour.address).get()),
          "set a neighbour's address");
  if (neighbour.mac) {
    rtnl_neigh_set_lladdr(object.get(), nl::to_bytes(*neighbour.mac).get());
  }
  return object;
}

}  // namespace

void add_address(Batch& batch, int link, const Cidr& address, std::string_view link_name,
                 AddressOptions options) {
  const std::string what = concat("add address ", address.text(), " to ", link_name);
  const AddressObject object = address_object(link, address);
  const bool no_detection = !address.is_ipv4() && options.detection == DuplicateDetection::kNone;
  const std::uint32_t flags =
      (no_detection ? IFA_F_NODAD : 0U) |
      (options.subnet_route == SubnetRoute::kNone ? IFA_F_NOPREFIXROUTE : 0U);
  if (flags != 0) {
    rtnl_addr_set_flags(object.get(), flags);
  }
  // The kernel makes no broadcast address by itself; /31 and /32 have none.
  if (address.is_ipv4() && address.prefix_length() < 31) {
    require(rtnl_addr_set_broadcast(object.get(), nl::to_bytes(address.last()).get()), what);
  }
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_addr_build_add_request(
                                            object.get(), NLM_F_CREATE | NLM_F_EXCL, message);
                                      }),
             what);
}

void remove_address(Batch& batch, int link, const Cidr& address, std::string_view link_name) {
  const std::string what = concat("remove address ", address.text(), " from ", link_name);
  const AddressObject object = address_object(link, address);
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_addr_build_delete_request(object.get(), 0,
                                                                              message);
                                      }),
             what);
}

void set_neighbour(Batch& batch, const Neighbour& neighbour) {
  const std::string what = concat("set neighbour ", neighbour.address.text());
  const NeighbourObject object = neighbour_object(neighbour);
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_neigh_build_add_request(
                                            object.get(), NLM_F_CREATE | NLM_F_REPLACE, message);
                                      }),
             what);
}

void remove_neighbour(Batch& batch, const Neighbour& neighbour) {
  const std::string what = concat("remove neighbour ", neighbour.address.text());
  const NeighbourObject object = neighbour_object(neighbour);
  nl::append(batch, nl::build_message(what,
                                      [&](nl_msg** message) {
                                        return rtnl_neigh_build_delete_request(object.get(), 0,
                                                                               message);
                                      }),
             what);
}

std::optional<Address> parse_address(const nlmsghdr* message, int link) {
  const auto* header = nl::header_of<ifaddrmsg>(message, RTM_NEWADDR);
  if (header == nullptr || header->ifa_index != static_cast<unsigned>(link)) {
    return std::nullopt;
  }
  const nl::Object object = nl::parse(message);
  if (!object) {
    return std::nullopt;
  }
  auto* const read = reinterpret_cast<rtnl_addr*>(object.get());
  // The near end of a point-to-point link, where there is one.
  const std::optional<IpAddress> address = nl::to_ip_address(rtnl_addr_get_local(read));
  if (!address || header->ifa_prefixlen > address->bits()) {
    return std::nullopt;
  }
  const unsigned flags = rtnl_addr_get_flags(read);
  return Address{.address = {*address, header->ifa_prefixlen},
                 .tentative = (flags & IFA_F_TENTATIVE) != 0,
                 .dad_failed = (flags & IFA_F_DADFAILED) != 0,
                 .permanent = (flags & IFA_F_PERMANENT) != 0,
                 .scope = header->ifa_scope};
}

}  // namespace linnet::netlink
