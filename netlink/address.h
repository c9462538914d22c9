// Interface addresses, routes and neighbours as values.
// Source: rtnetlink(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace linnet::netlink {

class Batch;

struct Address {
  Cidr address;            // with the interface's own host bits
  bool tentative = false;  // IPv6 duplicate address detection under way
  bool dad_failed = false;
  bool permanent = true;
  std::uint8_t scope = 0;  // RT_SCOPE_*
  friend bool operator==(const Address&, const Address&) = default;
};

// A route through one link. Absent and 0 leave the choice to the kernel.
struct Route {
  Cidr dst;
  std::optional<IpAddress> gateway = {};
  std::optional<IpAddress> source = {};     // preferred source address
  int link = 0;                             // index of the outgoing link
  std::uint32_t mtu = 0;                    // bytes
  std::uint32_t advmss = 0;                 // bytes
  std::uint32_t priority = 0;               // metric
  std::optional<std::uint32_t> table = {};  // default: main
  std::optional<std::uint8_t> scope =
      {};               // RT_SCOPE_*; default: link without gateway, else universe
  // RTPROT_*; default: boot for a new route, anybody's for one to be removed.
  std::optional<std::uint8_t> protocol = {};
  bool onlink = false;  // the gateway is reachable over `link` though no address says so
  friend bool operator==(const Route&, const Route&) = default;
};

// What the kernel does with packets to one address.
struct RouteLookup {
  bool local = false;    // an address of the host itself
  bool on_link = false;  // neither local nor through a gateway
  int link = 0;          // index of the outgoing link
};

struct Neighbour {
  IpAddress address;
  std::optional<MacAddress> mac = {};
  int link = 0;
  bool permanent = false;  // stays until it is removed; else reachable, and to be verified later
};

enum class DuplicateDetection { kByLink, kNone };
enum class SubnetRoute { kByKernel, kNone };

struct AddressOptions {
  // IPv6's; kNone makes the address usable at once.
  DuplicateDetection detection = DuplicateDetection::kByLink;
  // Whether the kernel adds the route to the address's subnet.
  SubnetRoute subnet_route = SubnetRoute::kByKernel;
};

// `link_name` is for error messages.
void add_address(Batch& batch, int link, const Cidr& address, std::string_view link_name,
                 AddressOptions options = {});
void remove_address(Batch& batch, int link, const Cidr& address, std::string_view link_name);
// Appended to those of the same destination, so that equal destinations make a multipath route.
void add_route(Batch& batch, const Route& route, std::string_view link_name);
// EEXIST when there is a route to the destination with the same priority in the table.
void add_only_route(Batch& batch, const Route& route, std::string_view link_name);
// In place of the one to the same destination with the same priority in the table, if there is one.
void replace_route(Batch& batch, const Route& route, std::string_view link_name);
void remove_route(Batch& batch, const Route& route, std::string_view link_name);
// Adds or replaces.
void set_neighbour(Batch& batch, const Neighbour& neighbour);
void remove_neighbour(Batch& batch, const Neighbour& neighbour);

}  // namespace linnet::netlink
