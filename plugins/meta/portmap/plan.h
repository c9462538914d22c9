// What ADD puts into nftables for one attachment, planned from configuration and prevResult. No kernel.
#pragma once

#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/result.h"
#include "netlink/nftables.h"
#include "plugins/attach/attachment.h"
#include "plugins/meta/portmap/config.h"

namespace linnet::portmap {

// Maps that translate under the same conditions: one for every local address, one for single addresses.
struct Scope {
  Family family = Family::kIpv4;
  Conditions conditions = {};

  [[nodiscard]] std::string ports_map() const;       // protocol . port : address . port
  [[nodiscard]] std::string host_ports_map() const;  // address . protocol . port : address . port
};

// Traffic from `source` to a published port is masqueraded where it goes to a container in the set. The
// subnet of the containers, or everything (masqAll).
struct Hairpin {
  Cidr source;
  unsigned mark_bit = 0;

  [[nodiscard]] std::string set() const;
};

// Source and destination of traffic that is masqueraded in any case: the container itself, 127.0.0.1.
[[nodiscard]] std::string loops_set(Family family);
inline constexpr const char* kAttachmentsMap = "attachments";

struct SetElements {
  std::string set;
  std::vector<netlink::nft::Element> elements;
};

struct Plan {
  std::vector<Scope> scopes;
  std::vector<Hairpin> hairpins;
  std::vector<SetElements> ports;    // keys that no two attachments may have
  std::vector<SetElements> sources;  // keyed by the container's address, the newest owner has them
  netlink::nft::Element record;      // of kAttachmentsMap: how many elements there are

  [[nodiscard]] bool empty() const { return ports.empty(); }
  [[nodiscard]] std::size_t size() const;
};

// The first IPv4 and the first IPv6 address of the container's interface.
[[nodiscard]] std::vector<Cidr> container_addresses(const cni::Result& result,
                                                    const std::string& ifname);

// A mapping whose family the container has no address of is left out. Throws
// cni::Error(kInvalidNetworkConfig) when two mappings redirect the same port to different places.
[[nodiscard]] Plan make_plan(const Config& config, const std::vector<Cidr>& addresses,
                             const attach::Attachment& attachment);

// The element that says what an attachment owns, and the number in it.
[[nodiscard]] netlink::nft::Element record_of(const attach::Attachment& attachment,
                                              std::uint32_t elements);
[[nodiscard]] std::uint32_t count_in(const netlink::nft::Element& record);

// The parts of an element of a ports or host_ports map.
struct Redirect {
  Family family = Family::kIpv4;
  std::optional<IpAddress> host_ip = {};  // absent: any local one
  std::uint8_t protocol = 0;
  std::uint16_t host_port = 0;
  IpAddress container;
  std::uint16_t container_port = 0;

  // "tcp port 8080 of the host", "tcp port 8080 of 192.0.2.1".
  [[nodiscard]] std::string text() const;
};
// Absent for an element of another set.
[[nodiscard]] std::optional<Redirect> redirect_of(const std::string& set,
                                                  const netlink::nft::Element& element);

}  // namespace linnet::portmap
