// The verbs of the plugins whose interface is made inside the container and hangs on nothing on the host
// (dummy, tap).
#pragma once

#include <functional>
#include <string>

#include "libcni/request.h"
#include "libcni/result.h"
#include "netlink/netns.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/problems.h"
#include "plugins/attach/sysctls.h"

namespace linnet::attach {

struct OwnLink {
  std::string kind;  // as the kernel reports it
  // Makes the link with that name in the sandbox, down; the name was free a moment ago.
  std::function<void(netlink::Sandbox& sandbox, const std::string& name)> create;
  // What of the plugin's own keys the kernel does not show.
  std::function<Problems(netlink::Sandbox& sandbox, const netlink::Link& link)> problems;
  SysctlConfig sysctls = {};
  DadMode dad = DadMode::kSkip;
};

// Leaves nothing behind when it throws.
[[nodiscard]] cni::Result add_own_link(const cni::Request& request, const cni::NetConf& conf,
                                       const OwnLink& own);

// Removes link and lease; needs neither namespace nor prevResult, and no other key than "ipam".
void del_own_link(const cni::Request& request, const cni::NetConf& conf, std::string_view kind);

// Throws cni::Error with a sentence for each thing of ADD that the kernel does not show any more.
void check_own_link(const cni::Request& request, const cni::NetConf& conf, const OwnLink& own);

// Links and leases of attachments that are not valid any more. A link is found by the namespace that its lease names; one
// without lease goes with its namespace.
void gc_own_links(const cni::Request& request, const cni::NetConf& conf, std::string_view kind);

// Whether IPAM could give an address. Throws the plugin's error.
void ipam_status(const cni::Request& request, const cni::NetConf& conf);

}  // namespace linnet::attach
