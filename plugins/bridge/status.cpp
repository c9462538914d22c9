#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/rules.h"
#include "plugins/bridge/config.h"
#include "plugins/bridge/device.h"
#include "plugins/bridge/verbs.h"
#include "plugins/ipam/ipam.h"

namespace linnet::bridge {

namespace {

void make_pair(netlink::RouteSocket& socket, const Config& config) {
  const netlink::Link bridge = ensure_bridge(socket, config);
  const attach::Attachment attachment = {
      .network = "status", .container_id = "c", .ifname = "eth0"};
  const MacAddress mac = attach::container_mac(attachment);
  netlink::Batch pair;
  netlink::create_veth(pair, {.name = "port",
                              .mac = attach::host_mac(attachment),
                              .peer_name = "container",
                              .peer_mac = mac,
                              .mtu = config.mtu,
                              .master = bridge.index});
  socket.execute(pair);
  if (config.mac_spoof_check || config.ip_masq) {
    netlink::nft::NftSocket nft;
    if (config.ip_masq) {
      const std::vector<Cidr> addresses = {*Cidr::parse("192.0.2.1/24")};
      attach::add_masquerade(nft, attachment, addresses);
    }
    if (config.mac_spoof_check) {
      attach::add_mac_check(nft, attachment, "port", mac);
    }
  }
}

void require_free_name(const Config& config) {
  const std::optional<netlink::Link> link = netlink::RouteSocket().find_link(config.bridge);
  if (link && link->kind != "bridge") {
    throw cni::Error(cni::Code::kPluginNotAvailable,
                     concat("\"bridge\": ", linnet::quoted(config.bridge),
                            " already exists but is not a bridge: choose another name"));
  }
}

}  // namespace

void status(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  require_free_name(config);
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kStatus, conf);
  }
  attach::rehearse([&](netlink::RouteSocket& socket) { make_pair(socket, config); });
}

}  // namespace linnet::bridge
