#include "plugins/attach/child_verbs.h"

#include <cerrno>

#include "base/error.h"
#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/netns.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/child_link.h"
#include "plugins/attach/container_end.h"
#include "plugins/attach/host_access.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/lease_collection.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/result.h"
#include "plugins/ipam/ipam.h"

namespace linnet::attach {

namespace {

void configure(netlink::Sandbox& sandbox, const netlink::Netns& host, const cni::Request& request,
               const netlink::Link& link, const InterfacePlan& plan, const ChildConfig& config,
               Transaction& transaction) {
  try {
    set_up_link(
        sandbox, host, request, link, plan,
        {.dad = config.enable_dad ? DadMode::kWait : DadMode::kSkip, .sysctls = config.sysctls},
        transaction);
  } catch (const netlink::Error& error) {
    if (error.code() != EADDRINUSE) {
      throw;
    }
    throw cni::Error(
        cni::Code::kTryAgainLater,
        concat(error.what(), ": another interface on the same master has the Ethernet address ",
               link.mac.text(),
               " (or the kernel is still removing the namespace of one that had it)"));
  }
}

// A VLAN interface cannot be up on a link that is down.
void refuse_or_warn_of_a_dead_uplink(const netlink::Link& uplink, const ChildDriver& driver) {
  if (uplink.up) {
    return;
  }
  if (std::holds_alternative<netlink::TaggedVlan>(driver)) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"master\": ", uplink.name, " is down: bring it up, `ip link set ",
                            uplink.name, " up`"));
  }
  log_warning(concat("master ", uplink.name, " is down: nothing passes until it is up"));
}

// One ADD, step by step.
class Addition {
 public:
  Addition(const cni::Request& request, const cni::NetConf& conf, const ChildConfig& config)
      : request_(request),
        conf_(conf),
        config_(config),
        attachment_(attachment_of(request, conf)),
        host_netns_(netlink::Netns::current()),
        sandbox_(host_netns_, open_netns(request)) {}

  cni::Result run() {
    const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf_, request_);
    std::optional<ipam::Call> addresses;
    if (ipam) {
      addresses = ipam->start(cni::Verb::kAdd);
    }
    Transaction transaction;
    const netlink::Link uplink = find_uplink();
    netlink::Link link = create_child_link(config_.uplink.in_container ? sandbox_.socket() : *host_,
                                           sandbox_, uplink, request_, attachment_, config_);
    transaction.undo_with(concat("remove ", link.name),
                          [request = request_, attachment = attachment_, kind = kind()] {
                            remove_child_links_if_present(request, attachment, kind);
                          });
    cni::Result result = config_.given.value_or(cni::Result{});
    if (ipam) {
      transaction.undo_with("release the addresses",
                            [plugin = *ipam, conf = conf_] { plugin.run(cni::Verb::kDel, conf); });
      addresses->ask(conf_);
      result = addresses->result(conf_);
    }
    complete(result, link);
    InterfacePlan plan = plan_interface(result);
    if (config_.host_access && !result.ips.empty()) {
      give_host_access(uplink, result, plan);
      transaction.undo_with("remove host access", [attachment = attachment_, kind = kind()] {
        remove_host_access_if_present(attachment, kind);
      });
    }
    configure(sandbox_, host_netns_, request_, link, plan, config_, transaction);
    transaction.commit();
    return result;
  }

 private:
  [[nodiscard]] std::string kind() const { return std::string(kind_of(config_.driver)); }

  netlink::Link find_uplink() {
    if (!config_.uplink.in_container) {
      host_.emplace();
    }
    netlink::Link uplink = get_uplink(host_ ? *host_ : sandbox_.socket(), config_.uplink);
    refuse_or_warn_of_a_dead_uplink(uplink, config_.driver);
    return uplink;
  }

  void complete(cni::Result& result, const netlink::Link& link) const {
    result.interfaces = {describe(link, request_.netns)};
    for (cni::IpConfig& ip : result.ips) {
      ip.interface = 0;
    }
    if (is_layer3(config_.driver)) {
      drop_gateways(result);
    }
    take_dns(result, conf_);
  }

  void give_host_access(const netlink::Link& uplink, cni::Result& result, InterfacePlan& plan) {
    HostAccess access =
        add_host_access(*host_, uplink, config_.driver, attachment_, addresses_of(result));
    result.interfaces.push_back(describe(access.link, ""));
    // In front: a gateway of another route may be behind one of them.
    plan.routes.insert(plan.routes.begin(), access.routes.begin(), access.routes.end());
  }

  const cni::Request& request_;
  const cni::NetConf& conf_;
  const ChildConfig& config_;
  Attachment attachment_;
  netlink::Netns host_netns_;
  netlink::Sandbox sandbox_;
  std::optional<netlink::RouteSocket> host_;  // absent where the uplink is in the container
};

ChildDriver driver_of(const netlink::Link& link) {
  if (link.macvlan) {
    return *link.macvlan;
  }
  if (link.vlan) {
    return *link.vlan;
  }
  return link.ipvlan.value_or(netlink::Ipvlan{});
}

void check_driver(const netlink::Link& link, const ChildDriver& wanted, Problems& problems) {
  const ChildDriver present = driver_of(link);
  const auto* ipvlan = std::get_if<netlink::Ipvlan>(&present);
  if (ipvlan != nullptr) {
    const netlink::Ipvlan::Flag flag = std::get<netlink::Ipvlan>(wanted).flag;
    if (ipvlan->flag != flag) {
      problems.push_back(
          concat(link.name, " has flag ", flag_name(ipvlan->flag), ", not ", flag_name(flag)));
    }
  }
  if (setting_text(present) != setting_text(wanted)) {
    problems.push_back(
        link.vlan
            ? concat(link.name, " is of ", setting_text(present), ", not of ", setting_text(wanted))
            : concat(link.name, " is in ", setting_text(present), ", not ", mode_name(wanted)));
  }
}

// Where the configuration leaves the master to the default route, that may have moved on since ADD.
void check_uplink(netlink::Sandbox& sandbox, const netlink::Link& link, const UplinkKeys& keys,
                  Problems& problems) {
  if (keys.master.empty()) {
    return;
  }
  const std::optional<netlink::Link> uplink = keys.in_container
                                                  ? sandbox.socket().find_link(keys.master)
                                                  : netlink::RouteSocket().find_link(keys.master);
  // On a master that is itself such a child the kernel takes the link below it.
  if (!uplink || (link.peer != uplink->index && link.peer != uplink->peer)) {
    problems.push_back(concat(link.name, " is not on master ", keys.master));
  }
}

Problems child_problems(const cni::Request& request, const cni::NetConf& conf,
                        const ChildConfig& config, netlink::Sandbox& sandbox,
                        const netlink::Link& link) {
  Problems problems;
  if (config.uplink.mtu != 0 && link.mtu != config.uplink.mtu) {
    problems.push_back(concat(link.name, " has MTU ", link.mtu, ", not ", config.uplink.mtu));
  }
  check_driver(link, config.driver, problems);
  check_uplink(sandbox, link, config.uplink, problems);
  if (config.host_access) {
    append(problems,
           host_access_problems(attachment_of(request, conf), kind_of(config.driver),
                                addresses_of(own_part(*conf.prev_result, request.ifname))));
  }
  return problems;
}

void require_driver(std::string_view kind) {
  netlink::Batch batch;
  netlink::probe_driver(batch, kind);
  const netlink::Ack ack = netlink::RouteSocket().exchange(batch)[0];
  if (ack.error == EOPNOTSUPP) {
    throw cni::Error(
        cni::Code::kPluginNotAvailable,
        concat("this kernel has no driver for ", kind, " interfaces, and no module ",
               kind == "vlan" ? "8021q" : kind, " that could be loaded: install the module"));
  }
}

// In a namespace of its own, on a link of its own, since a kernel tells only afterwards.
void rehearse_keys(const ChildDriver& driver) {
  const auto* macvlan = std::get_if<netlink::Macvlan>(&driver);
  if (macvlan == nullptr || macvlan->broadcast_queue_length == 0) {
    return;
  }
  rehearse([&](netlink::RouteSocket& socket) {
    netlink::Batch veth;
    netlink::create_veth(veth, {.name = "uplink",
                                .mac = *MacAddress::parse("02:00:00:00:00:01"),
                                .peer_name = "peer",
                                .peer_mac = *MacAddress::parse("02:00:00:00:00:02")});
    socket.execute(veth);
    netlink::Batch child;
    netlink::create_child(
        child, {.name = "child", .parent = socket.get_link("uplink").index, .driver = *macvlan});
    socket.execute(child);
    try {
      require_known_keys(socket.get_link("child"), driver);
    } catch (const cni::Error& error) {
      throw cni::Error(cni::Code::kPluginNotAvailable, error.message());
    }
  });
}

}  // namespace

cni::Result add_child(const cni::Request& request, const cni::NetConf& conf,
                      const ChildConfig& config) {
  return Addition(request, conf, config).run();
}

void del_child(const cni::Request& request, const cni::NetConf& conf, std::string_view kind) {
  const Attachment attachment = attachment_of(request, conf);
  ErrorList errors;
  // An IPAM plugin loads while the kernel removes the link, and does nothing before it is asked.
  std::optional<ipam::Call> release;
  errors.attempt([&] {
    if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
      release = ipam->start(cni::Verb::kDel);
    }
  });
  // The address is free for others only when nothing of it is left on the host.
  errors.attempt([&] { remove_host_access_if_present(attachment, kind); });
  errors.attempt([&] { remove_child_links_if_present(request, attachment, kind); });
  if (release) {
    errors.attempt([&] {
      release->ask(conf);
      release->finish(conf);
    });
  }
  errors.throw_if_any();
}

void check_child(const cni::Request& request, const cni::NetConf& conf, const ChildConfig& config) {
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kCheck, conf);
  }
  throw_if_changed(
      request, conf,
      container_link_problems(request, conf, kind_of(config.driver), config.sysctls,
                              [&](netlink::Sandbox& sandbox, const netlink::Link& link) {
                                return child_problems(request, conf, config, sandbox, link);
                              }));
}

void gc_children(const cni::Request& request, const cni::NetConf& conf, std::string_view kind) {
  const auto valid = valid_keys(conf.name, conf.valid_attachments);
  ErrorList errors;
  LeaseCollection leases(request, conf, errors);
  errors.attempt([&] { collect_host_access(conf.name, kind, valid); });
  leases.remove_from_containers([&](const cni::Request& gone) {
    remove_marked_links_if_present(gone, attachment_of(gone, conf), kind);
  });
  leases.free_leases();
  errors.throw_if_any();
}

void child_status(const cni::Request& request, const cni::NetConf& conf,
                  const ChildConfig& config) {
  require_driver(kind_of(config.driver));
  // A master in the container, or of a chain, is known at ADD only.
  const bool from_chain = config.uplink.master.empty() && conf.ipam_type.empty();
  if (!config.uplink.in_container && !from_chain) {
    try {
      netlink::RouteSocket host;
      static_cast<void>(get_uplink(host, config.uplink));
    } catch (const cni::Error& error) {
      throw cni::Error(cni::Code::kPluginNotAvailable, error.message());
    }
  }
  if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf, request)) {
    ipam->run(cni::Verb::kStatus, conf);
  }
  rehearse_keys(config.driver);
}

}  // namespace linnet::attach
