#include "plugins/meta/bandwidth/links.h"

#include "base/sha512.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/netns.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/result.h"

namespace linnet::bandwidth {

namespace {

constexpr std::string_view kPrefix = "bwp";
constexpr std::size_t kDigits = 12;

[[noreturn]] void refuse(const std::string& message) {
  throw cni::Error(cni::Code::kInvalidNetworkConfig, message);
}

netlink::Link get_container_end(const cni::Request& request) {
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, attach::open_netns(request));
  const std::optional<netlink::Link> link = sandbox.socket().find_link(request.ifname);
  if (!link) {
    throw cni::Error(cni::Code::kInvalidEnvironment,
                     concat("CNI_IFNAME: ", linnet::quoted(request.ifname),
                            " is not in the container's namespace"));
  }
  if (link->kind != "veth" || link->peer == 0) {
    refuse(
        concat("container interface ", request.ifname,
               " has no veth peer: bandwidth limits what a plugin with a veth pair (bridge, ptp) "
               "has made, take it out of the list"));
  }
  return *link;
}

bool belongs_to_another(const netlink::Link& link, const attach::Attachment& attachment) {
  const std::string_view key = attach::key_in_alias(link.alias);
  return !key.empty() && key != attach::owner_key(attachment);
}

}  // namespace

std::string ifb_name(const attach::Attachment& attachment) {
  return concat(kPrefix, sha512_hex(concat("ifb\n", attach::owner_key(attachment)), kDigits));
}

std::string reference_ifb_name(const attach::Attachment& attachment) {
  return concat(kPrefix, sha512_hex(attachment.network + attachment.container_id, kDigits));
}

netlink::Link get_host_end(netlink::RouteSocket& host, const cni::Request& request,
                           const cni::Result& prev) {
  if (prev.interfaces.empty()) {
    refuse("\"prevResult\": no interfaces provided: the plugin before bandwidth has to list them");
  }
  const netlink::Link inside = get_container_end(request);
  const std::optional<netlink::Link> link = host.find_link(inside.peer);
  // The index alone may be that of a link in a third namespace.
  if (!link || link->kind != "veth" || link->peer != inside.index ||
      attach::find_interface(prev, link->name, "") == nullptr) {
    refuse(concat("no veth peer of container interface ", request.ifname,
                  " found in host ns among the interfaces of prevResult"));
  }
  return *link;
}

Present find_present(netlink::RouteSocket& host, const attach::Attachment& attachment,
                     const cni::Result* prev) {
  std::vector<std::string> names = {ifb_name(attachment), reference_ifb_name(attachment),
                                    // Known without prevResult, which a failed ADD does not leave.
                                    attach::host_link_name(attachment)};
  if (prev != nullptr) {
    for (const cni::Interface& interface : prev->interfaces) {
      if (interface.sandbox.empty() && interface.name != names[2] &&
          cni::problem_with_ifname(interface.name).empty()) {
        names.push_back(interface.name);
      }
    }
  }
  std::vector<std::optional<netlink::Link>> links = host.find_links(names);
  Present present;
  if (links[0] && links[0]->kind == "ifb" && !belongs_to_another(*links[0], attachment)) {
    present.ifb = std::move(links[0]);
  } else if (links[0]) {
    present.name_taken = true;
  }
  if (links[1] && links[1]->kind == "ifb" && links[1]->alias.empty()) {
    present.reference_ifb = std::move(links[1]);
  }
  for (std::size_t i = 2; i < links.size(); ++i) {
    if (links[i] && links[i]->kind == "veth" && !belongs_to_another(*links[i], attachment)) {
      present.listed_ends.push_back(*std::move(links[i]));
    }
  }
  return present;
}

}  // namespace linnet::bandwidth
