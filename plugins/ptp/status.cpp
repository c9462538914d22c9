#include "plugins/attach/attachment.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/rules.h"
#include "plugins/ipam/ipam.h"
#include "plugins/ptp/config.h"
#include "plugins/ptp/verbs.h"

namespace linnet::ptp {

namespace {

void make_pair(netlink::RouteSocket& socket, const Config& config) {
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
  attach::rehearse([&](netlink::RouteSocket& socket) { make_pair(socket, config); });
}

}  // namespace linnet::ptp
