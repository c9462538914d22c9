#include "plugins/tap/verbs.h"

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/own_link.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/tap/config.h"
#include "plugins/tap/device.h"

namespace linnet::tap {

namespace {

constexpr const char* kKind = "tun";

netlink::Link get_bridge(netlink::RouteSocket& inside, const std::string& name) {
  const std::optional<netlink::Link> bridge = inside.find_link(name);
  if (!bridge || bridge->kind != "bridge") {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"bridge\": the container has no bridge ", linnet::quoted(name),
                            bridge ? concat(", that is ", bridge->kind.empty() ? "a hardware device"
                                                                               : bridge->kind)
                                   : "",
                            ": a plugin before this one has to make it there"));
  }
  return *bridge;
}

void create(netlink::Sandbox& sandbox, const std::string& name, const Config& config,
            const MacAddress& mac) {
  netlink::LinkChange change{.name = name, .mac = mac};
  if (!config.bridge.empty()) {
    change.master = get_bridge(sandbox.socket(), config.bridge).index;
  }
  if (config.mtu != 0) {
    change.mtu = config.mtu;
  }
  const TapDevice device = {.name = name,
                            .multi_queue = config.multi_queue,
                            .owner = config.owner,
                            .group = config.group};
  if (config.selinux_context.empty()) {
    sandbox.run([&] { make_tap(device); });
  } else {
    make_labelled_tap(sandbox, device, config.selinux_context);
  }
  netlink::Batch batch;
  netlink::change_link(batch, change);
  sandbox.socket().execute(batch);
}

attach::Problems problems_of(netlink::Sandbox& sandbox, const netlink::Link& link,
                             const Config& config) {
  attach::Problems problems;
  if (config.mtu != 0 && link.mtu != config.mtu) {
    problems.push_back(concat(link.name, " has MTU ", link.mtu, ", not ", config.mtu));
  }
  if (!config.bridge.empty()) {
    const std::optional<netlink::Link> bridge = sandbox.socket().find_link(config.bridge);
    if (!bridge || link.master != bridge->index) {
      problems.push_back(concat(link.name, " is no port of bridge ", config.bridge));
    }
  }
  const netlink::Tun tun = link.tun.value_or(netlink::Tun{});
  if (!tun.is_tap || !tun.persistent || tun.multi_queue != config.multi_queue) {
    problems.push_back(concat(link.name, " is no persistent tap with ",
                              config.multi_queue ? "several queues" : "one queue"));
  }
  if (tun.owner != config.owner || tun.group != config.group) {
    problems.push_back(concat(link.name,
                              " may be opened by another user or group than the "
                              "configuration says"));
  }
  return problems;
}

attach::OwnLink parse(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  attach::OwnLink own{.kind = kKind, .create = {}, .problems = {}};
  own.sysctls = config.sysctls;
  const MacAddress mac =
      config.mac.value_or(attach::container_mac(attach::attachment_of(request, conf)));
  own.create = [config, mac](netlink::Sandbox& sandbox, const std::string& name) {
    create(sandbox, name, config, mac);
  };
  own.problems = [config](netlink::Sandbox& sandbox, const netlink::Link& link) {
    return problems_of(sandbox, link, config);
  };
  return own;
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  return attach::add_own_link(request, conf, parse(request, conf));
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  attach::del_own_link(request, conf, kKind);
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  attach::check_own_link(request, conf, parse(request, conf));
}

void gc(const cni::Request& request, const cni::NetConf& conf) {
  attach::gc_own_links(request, conf, kKind);
}

void status(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  attach::ipam_status(request, conf);
  attach::rehearse([&](netlink::RouteSocket&) {
    make_tap({.name = "status", .multi_queue = config.multi_queue});
  });
}

}  // namespace linnet::tap
