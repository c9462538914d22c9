#include <sched.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/route_socket.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/rules.h"
#include "plugins/ipam/ipam.h"
#include "plugins/ptp/config.h"
#include "plugins/ptp/verbs.h"

namespace linnet::ptp {

namespace {

// Makes in a namespace of its own what an ADD makes on the host, so that whatever this kernel lacks shows
// itself. The namespace goes with the process.
void rehearse(const Config& config) {
  if (::unshare(CLONE_NEWNET) != 0) {
    throw SystemError(errno, "make a network namespace");
  }
  netlink::RouteSocket socket;
  const attach::Attachment attachment = {
      .network = "status", .container_id = "c", .ifname = "eth0"};
  netlink::Batch pair;
  netlink::create_veth(pair, {.name = "host",
                              .mac = attach::host_mac(attachment),
                              .peer_name = "container",
                              .peer_mac = attach::container_mac(attachment),
                              .mtu = config.mtu});
  socket.execute(pair);
  if (config.ip_masq) {
    netlink::nft::NftSocket nft;
    attach::add_masquerade(nft, attachment, std::vector{*Cidr::parse("192.0.2.1/24")});
  }
}

}  // namespace

void status(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  ipam::Plugin(conf.ipam_type, request).run(cni::Verb::kStatus, conf);
  try {
    rehearse(config);
  } catch (const SystemError& error) {
    throw cni::Error(
        cni::Code::kPluginNotAvailable,
        concat("this kernel cannot do what the configuration asks for: ", error.what()));
  }
}

}  // namespace linnet::ptp
