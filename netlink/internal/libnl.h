// libnl's objects as owners: each is released when its owner goes, also by an exception.
// Source: libnl 3.7, netlink/msg.h, netlink/route/*.h.
#pragma once

#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/object.h>
#include <netlink/route/action.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include <memory>
#include <string>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "netlink/conversation.h"

namespace linnet::netlink::nl {

template <auto Release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const {
    Release(object);
  }
};

template <typename T, auto Release>
using Owner = std::unique_ptr<T, Releaser<Release>>;

using Message = Owner<nl_msg, nlmsg_free>;
using Object = Owner<nl_object, nl_object_put>;
using Bytes = Owner<nl_addr, nl_addr_put>;  // an address of any family
using LinkObject = Owner<rtnl_link, rtnl_link_put>;
using AddressObject = Owner<rtnl_addr, rtnl_addr_put>;
using RouteObject = Owner<rtnl_route, rtnl_route_put>;
using NextHop = Owner<rtnl_nexthop, rtnl_route_nh_free>;
using RuleObject = Owner<rtnl_rule, rtnl_rule_put>;
using NeighbourObject = Owner<rtnl_neigh, rtnl_neigh_put>;
using QdiscObject = Owner<rtnl_qdisc, rtnl_qdisc_put>;
using FilterObject = Owner<rtnl_cls, rtnl_cls_put>;
using ActionObject = Owner<rtnl_act, rtnl_act_put>;

// The owner of what an allocating function gave. Throws std::bad_alloc for null.
template <typename Owner>
[[nodiscard]] Owner own(typename Owner::pointer object) {
  if (object == nullptr) {
    throw std::bad_alloc();
  }
  return Owner(object);
}

// Throws for what a function of libnl refuses: std::bad_alloc, or SystemError with the errno that comes closest.
void require(int result, std::string_view what);

[[nodiscard]] Bytes to_bytes(const MacAddress& address);
[[nodiscard]] Bytes to_bytes(const IpAddress& address);
// With its prefix length; without bytes for a prefix of no length, which libnl then leaves out of a message.
[[nodiscard]] Bytes to_bytes(const Cidr& prefix);
// Absent for null and for a length that no IP address has.
[[nodiscard]] std::optional<IpAddress> to_ip_address(const nl_addr* address);

// A message of that type with its fixed header.
template <typename Header>
[[nodiscard]] Message make_message(int type, int flags, const Header& header) {
  Message message = own<Message>(nlmsg_alloc_simple(type, flags));
  Header copy = header;
  require(nlmsg_append(message.get(), &copy, sizeof copy, NLMSG_ALIGNTO), "write a netlink header");
  return message;
}

// The message that `build(nl_msg**)`, one of libnl's rtnl_*_build_*_request(), makes.
template <typename Build>
[[nodiscard]] Message build_message(std::string_view what, Build&& build) {
  nl_msg* message = nullptr;
  require(build(&message), what);
  return Message(message);
}

inline void put_u32(const Message& message, int attribute, std::uint32_t value) {
  require(nla_put_u32(message.get(), attribute, value), "write a netlink attribute");
}

// An attribute that holds nothing but a text.
void put_nested_text(const Message& message, int nest, int attribute, const std::string& text);

inline void append(Batch& batch, const Message& message, std::string what,
                   Batch::Answer answer = Batch::Answer::kAck) {
  batch.append(nlmsg_hdr(message.get()), std::move(what), answer);
}

// The object that libnl reads from a message of the kernel; null for one that it cannot read.
[[nodiscard]] Object parse(const nlmsghdr* message);

// The fixed header of a message of that type; null for another type or a message too short to have one.
template <typename Header>
[[nodiscard]] const Header* header_of(const nlmsghdr* message, int type) {
  if (message->nlmsg_type != type || nlmsg_valid_hdr(message, sizeof(Header)) == 0) {
    return nullptr;
  }
  return static_cast<const Header*>(nlmsg_data(message));
}

}  // namespace linnet::netlink::nl
