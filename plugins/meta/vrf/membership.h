// VRFs of a container and the interfaces in them.
// Source: Documentation/networking/vrf.rst.
#pragma once

#include <optional>

#include "netlink/netns.h"
#include "plugins/meta/vrf/config.h"

namespace linnet::vrf {

// The VRF of the configuration. Throws cni::Error when another kind of link has the name.
[[nodiscard]] std::optional<netlink::Link> find_vrf(netlink::RouteSocket& inside,
                                                    const std::string& name);

// Makes it, up, if it is not there. Throws cni::Error when it is there with another table than configured.
[[nodiscard]] netlink::Link ensure_vrf(netlink::RouteSocket& inside, const Config& config);

// Removes the VRF, unless an interface is in it.
void remove_vrf_if_empty(netlink::RouteSocket& inside, const std::string& name);

// Puts the interface into the VRF, or takes it out of it where that is absent. The kernel drops its routes and
// may drop its IPv6 addresses meanwhile: they are there again when this returns, the routes in the table of
// the VRF, or in the main one, and the addresses usable. When it throws they are where they were.
void move_link(netlink::Sandbox& sandbox, const netlink::Link& link,
               const std::optional<netlink::Link>& from, const std::optional<netlink::Link>& to);

}  // namespace linnet::vrf
