#include "plugins/meta/portmap/verbs.h"

#include <netinet/in.h>

#include <functional>
#include <optional>

#include "base/error.h"
#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/route_socket.h"
#include "netlink/sysctl.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/portmap/config.h"
#include "plugins/meta/portmap/flows.h"
#include "plugins/meta/portmap/host_ports.h"
#include "plugins/meta/portmap/layout.h"
#include "plugins/meta/portmap/leftovers.h"
#include "plugins/meta/portmap/plan.h"
#include "plugins/meta/portmap/rules.h"

namespace linnet::portmap {

namespace {

namespace nft = netlink::nft;

std::vector<Cidr> addresses_in(const cni::Request& request, const cni::NetConf& conf) {
  return conf.prev_result ? container_addresses(*conf.prev_result, request.ifname)
                          : std::vector<Cidr>{};
}

// The sysctl that lets this host's 127.0.0.1 reach the container; absent where nothing asks for it, and where
// the container is not a neighbour.
std::optional<std::string> localhost_sysctl(netlink::RouteSocket& host, const Config& config,
                                            const std::vector<Cidr>& addresses) {
  for (const Cidr& address : addresses) {
    if (!address.is_ipv4() || !config.snat) {
      continue;
    }
    const std::optional<netlink::RouteLookup> route = host.look_up_route(address.address());
    const std::optional<netlink::Link> link =
        route && route->on_link ? host.find_link(route->link) : std::nullopt;
    if (link) {
      return concat("net/ipv4/conf/", link->name, "/route_localnet");
    }
  }
  return std::nullopt;
}

void warn_of_mappings_without_address(const Config& config, const std::vector<Cidr>& addresses) {
  for (const PortMapping& mapping : config.mappings) {
    bool used = false;
    for (const Cidr& address : addresses) {
      used = used || !mapping.host_ip || mapping.host_ip->family() == address.family();
    }
    if (!used) {
      log_warning(concat("\"runtimeConfig.portMappings\": ", protocol_name(mapping.protocol),
                         " port ", mapping.host_port,
                         " is not redirected: the container has no address of that family"));
    }
  }
}

Config parse_with_warnings(const cni::NetConf& conf) {
  std::vector<std::string> warnings;
  Config config = parse_config(conf, warnings);
  for (const std::string& warning : warnings) {
    log_warning(warning);
  }
  return config;
}

// A mapping without this is still good for all but the flows there were before.
void forget_flows(const std::function<void()>& forget) {
  try {
    forget();
  } catch (const SystemError& error) {
    log_warning(concat("connections from before may go on as they did: ", error.what()));
  }
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_with_warnings(conf);
  if (!conf.prev_result) {
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        "must be called as chained plugin: put portmap behind the plugin that makes the "
        "interface");
  }
  if (config.mappings.empty()) {
    return *conf.prev_result;
  }
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const std::vector<Cidr> addresses = addresses_in(request, conf);
  warn_of_mappings_without_address(config, addresses);
  const Plan plan = make_plan(config, addresses, attachment);
  if (plan.empty()) {
    return *conf.prev_result;
  }
  refuse_ports_in_use(config, addresses);
  netlink::RouteSocket host;
  nft::NftSocket nft;
  Transaction transaction;
  add_rules(nft, plan, attachment);
  transaction.undo_with("remove published ports", [plan, attachment] {
    nft::NftSocket socket;
    remove_rules_if_present(socket, plan, attachment);
  });
  // After the rules, which keep the link's neighbours away from 127.0.0.1.
  if (const std::optional<std::string> sysctl = localhost_sysctl(host, config, addresses)) {
    netlink::ensure_sysctl(*sysctl, "1");
  }
  forget_flows([&] { forget_flows_before(redirects_of(plan), host); });
  transaction.commit();
  return *conf.prev_result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const std::vector<Cidr> addresses = addresses_in(request, conf);
  ErrorList errors;
  std::optional<nft::NftSocket> nft;
  errors.attempt([&] { nft.emplace(); });
  if (nft) {
    errors.attempt([&] {
      Plan plan;
      try {
        plan = make_plan(parse_config_leniently(conf), addresses, attachment);
      } catch (const cni::Error&) {
        plan = make_plan({}, addresses, attachment);
      }
      std::vector<Redirect> gone = remove_rules_if_present(*nft, plan, attachment);
      // What the reference redirected is not in the maps.
      const std::vector<Redirect> planned = redirects_of(plan);
      gone.insert(gone.end(), planned.begin(), planned.end());
      forget_flows([&] { forget_flows_of(gone); });
    });
    errors.attempt([&] { remove_reference_rules_if_present(*nft, attachment, addresses); });
  }
  errors.throw_if_any();
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  std::vector<std::string> warnings;
  const Config config = parse_config(conf, warnings);
  if (config.mappings.empty()) {
    return;
  }
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const std::vector<Cidr> addresses = addresses_in(request, conf);
  const Plan plan = make_plan(config, addresses, attachment);
  if (plan.empty()) {
    return;
  }
  nft::NftSocket nft;
  netlink::RouteSocket host;
  attach::Problems problems = rule_problems(nft, plan, attachment);
  if (const std::optional<std::string> sysctl = localhost_sysctl(host, config, addresses);
      sysctl && netlink::find_sysctl(*sysctl) != "1") {
    problems.push_back(concat("sysctl ", *sysctl, " is not 1"));
  }
  attach::throw_if_changed(request, conf, problems);
}

void gc(const cni::Request& /*request*/, const cni::NetConf& conf) {
  const auto valid = attach::valid_keys(conf.name, conf.valid_attachments);
  ErrorList errors;
  std::optional<nft::NftSocket> nft;
  errors.attempt([&] { nft.emplace(); });
  if (nft) {
    errors.attempt([&] {
      const std::vector<Redirect> gone = collect_rules(*nft, conf.name, valid);
      forget_flows([&] { forget_flows_of(gone); });
    });
    errors.attempt([&] { collect_reference_rules(*nft, conf.name, conf.valid_attachments); });
  }
  errors.throw_if_any();
}

void status(const cni::Request& /*request*/, const cni::NetConf& conf) {
  std::vector<std::string> warnings;
  Config config = parse_config(conf, warnings);
  config.mappings = {{.host_port = 1, .container_port = 1, .protocol = IPPROTO_TCP}};
  const attach::Attachment attachment = {
      .network = "status", .container_id = "c", .ifname = "eth0"};
  attach::rehearse([&](netlink::RouteSocket&) {
    const Plan plan = make_plan(
        config, {*Cidr::parse("192.0.2.1/24"), *Cidr::parse("2001:db8::1/64")}, attachment);
    nft::NftSocket nft;
    add_rules(nft, plan, attachment);
  });
}

}  // namespace linnet::portmap
