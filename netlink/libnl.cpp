#include "netlink/internal/libnl.h"

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/route/tc.h>

#include <cerrno>
#include <new>

#include "base/error.h"
#include "base/text.h"
#include "netlink/internal/libnl_gaps.h"

namespace linnet::netlink::nl {

void require(int result, std::string_view what) {
  if (result >= 0) {
    return;
  }
  switch (-result) {
    case NLE_NOMEM:
      throw std::bad_alloc();
    case NLE_MSGSIZE:
    case NLE_ATTRSIZE:
      throw SystemError(EMSGSIZE, what);
    default:
      throw SystemError(EINVAL, concat(what, " (libnl: ", nl_geterror(result), ")"));
  }
}

Bytes to_bytes(const MacAddress& address) {
  return own<Bytes>(nl_addr_build(AF_LLC, address.bytes().data(), address.bytes().size()));
}

Bytes to_bytes(const IpAddress& address) {
  return own<Bytes>(nl_addr_build(address.is_ipv4() ? AF_INET : AF_INET6, address.bytes().data(),
                                  address.bytes().size()));
}

Bytes to_bytes(const Cidr& prefix) {
  const IpAddress address = prefix.address();
  const std::size_t size = prefix.prefix_length() == 0 ? 0 : address.bytes().size();
  Bytes bytes = own<Bytes>(
      nl_addr_build(prefix.is_ipv4() ? AF_INET : AF_INET6, address.bytes().data(), size));
  nl_addr_set_prefixlen(bytes.get(), static_cast<int>(prefix.prefix_length()));
  return bytes;
}

std::optional<IpAddress> to_ip_address(const nl_addr* address) {
  if (address == nullptr) {
    return std::nullopt;
  }
  return IpAddress::from_bytes(
      {static_cast<const unsigned char*>(nl_addr_get_binary_addr(address)), nl_addr_get_len(address)});
}

void put_nested_text(const Message& message, int nest, int attribute, const std::string& text) {
  constexpr std::string_view kWhat = "write a netlink attribute";
  nlattr* const start = nla_nest_start(message.get(), nest);
  require(start == nullptr ? -NLE_MSGSIZE : 0, kWhat);
  require(nla_put_string(message.get(), attribute, text.c_str()), kWhat);
  require(nla_nest_end(message.get(), start), kWhat);
}

Object parse(const nlmsghdr* message) {
  if (!can_parse(message)) {
    return nullptr;
  }
  const Message copy = own<Message>(nlmsg_convert(const_cast<nlmsghdr*>(message)));
  nlmsg_set_proto(copy.get(), NETLINK_ROUTE);
  nl_object* object = nullptr;
  const auto keep = [](nl_object* parsed, void* place) {
    nl_object_get(parsed);
    *static_cast<nl_object**>(place) = parsed;
  };
  if (nl_msg_parse(copy.get(), keep, &object) == -NLE_NOMEM) {
    throw std::bad_alloc();
  }
  return Object(object);
}

}  // namespace linnet::netlink::nl

// Names of traffic classes, which libnl reads from a file at the start of every process that has them linked in, for
// texts that nobody here asks it for. Defined here, in an object that every user of libnl links, they keep the archive's
// own out of a static link; beside the shared library they are never called.
// Source: netlink/route/tc.h; libnl 3.7, lib/route/classid.c.
extern "C" {

char* rtnl_tc_handle2str(std::uint32_t, char* text, std::size_t size) {
  if (size != 0) {
    text[0] = '\0';
  }
  return text;
}

int rtnl_tc_str2handle(const char*, std::uint32_t*) { return -NLE_OPNOTSUPP; }

int rtnl_tc_read_classid_file() { return 0; }

int rtnl_classid_generate(const char*, std::uint32_t*, std::uint32_t) { return -NLE_OPNOTSUPP; }

}  // extern "C"
