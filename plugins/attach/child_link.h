// Making and removing the link of a container's interface that is a child of another link.
#pragma once

#include "netlink/netns.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/child_config.h"

namespace linnet::attach {

// Makes the child of `uplink` in `sandbox` under the attachment's interface name, marked with its owner,
// down. `where` is the socket of the uplink's namespace. Throws cni::Error(kInvalidEnvironment) when the
// container has an interface of that name already; has made nothing when it throws.
[[nodiscard]] netlink::Link create_child_link(
    netlink::RouteSocket& where, netlink::Sandbox& sandbox, const netlink::Link& uplink,
    const cni::Request& request, const Attachment& attachment, const ChildConfig& config);

// Throws cni::Error(kInvalidNetworkConfig) when the kernel that made the link took no notice of something in
// `wanted`: an attribute that it does not know is no error to it.
void require_known_keys(const netlink::Link& made, const ChildDriver& wanted);

// Removes the attachment's links of `kind` in its namespace: those that carry its mark, and one under its
// interface name that carries none, as the reference plugins make them. Never one of another attachment.
// A namespace that is gone has taken them along.
void remove_child_links_if_present(const cni::Request& request, const Attachment& attachment,
                                   std::string_view kind);

// The same for those that carry its mark only.
void remove_marked_links_if_present(const cni::Request& request, const Attachment& attachment,
                                    std::string_view kind);

}  // namespace linnet::attach
