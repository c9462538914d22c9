// The links that the limits of one attachment are on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcni/request.h"
#include "libcni/result.h"
#include "netlink/route_socket.h"
#include "plugins/attach/attachment.h"

namespace linnet::bandwidth {

// "bwp" and twelve hexadecimal digits; the prefix is the reference's, which administrators exclude from
// their network managers.
[[nodiscard]] std::string ifb_name(const attach::Attachment& attachment);
// The one that the reference derives, for all interfaces of a container on one network.
[[nodiscard]] std::string reference_ifb_name(const attach::Attachment& attachment);

// The host's end of the container's veth pair, which has to be in `prev`. Throws cni::Error.
[[nodiscard]] netlink::Link get_host_end(netlink::RouteSocket& host, const cni::Request& request,
                                         const cni::Result& prev);

struct Present {
  std::optional<netlink::Link> ifb;            // ours
  bool name_taken = false;                     // something else has the name of the ifb
  std::optional<netlink::Link> reference_ifb;  // of the reference plugin
  std::vector<netlink::Link>
      listed_ends;  // the pair of linnet, and what prevResult lists; not another's

  // Ours if it is there.
  [[nodiscard]] const netlink::Link* any_ifb() const {
    return ifb ? &*ifb : reference_ifb ? &*reference_ifb : nullptr;
  }
};

// What is there of an attachment, needing neither the container nor, for the ifb, prevResult. One round
// trip.
[[nodiscard]] Present find_present(netlink::RouteSocket& host, const attach::Attachment& attachment,
                                   const cni::Result* prev);

}  // namespace linnet::bandwidth
