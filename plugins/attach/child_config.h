// A container's interface that is a child of another link (macvlan, ipvlan, vlan): what the plugins' keys say.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "base/mac_address.h"
#include "libcni/request.h"
#include "netlink/link.h"
#include "plugins/attach/sysctls.h"
#include "plugins/attach/uplink.h"

namespace linnet::attach {

using ChildDriver = std::variant<netlink::Macvlan, netlink::Ipvlan, netlink::TaggedVlan>;

struct ChildConfig {
  ChildDriver driver;
  UplinkKeys uplink;
  // Absent: derived from the attachment where the driver lets each child have one of its own.
  std::optional<MacAddress> mac = {};
  bool enable_dad = false;
  bool host_access = false;
  SysctlConfig sysctls = {};
  // Addresses and routes of the plugins before this one in the chain, used when there is no IPAM.
  std::optional<cni::Result> given = {};
};

// The keys that the plugins share; leaves driver and mac as they are. Throws cni::Error that names key,
// value and way out.
void parse_child_keys(cni::ObjectReader& reader, const cni::NetConf& conf, ChildConfig& config);

// "macvlan", "ipvlan" or "vlan".
[[nodiscard]] std::string_view kind_of(const ChildDriver& driver);
// As the configuration spells it; empty for vlan, which has none.
[[nodiscard]] std::string_view mode_name(const ChildDriver& driver);
[[nodiscard]] std::string_view flag_name(netlink::Ipvlan::Flag flag);
// What tells one interface of a kind from another: "mode l2", "VLAN 5".
[[nodiscard]] std::string setting_text(const ChildDriver& driver);

// The child has no neighbours (ipvlan l3 and l3s): no ARP, no multicast, every route is on-link.
[[nodiscard]] bool is_layer3(const ChildDriver& driver);
// The kernel ignores another Ethernet address than the uplink's at creation.
[[nodiscard]] bool takes_uplink_mac(const ChildDriver& driver);

// What on-link routing makes of an IPAM result: no gateways.
void drop_gateways(cni::Result& result);

}  // namespace linnet::attach
