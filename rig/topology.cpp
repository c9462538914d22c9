#include "rig/topology.h"

#include <cerrno>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::rig {

namespace {

using cni::Json;

constexpr const char* kOutside = "outside";
constexpr std::size_t kLongestList = 1 << 20;

// On the uplink's own network, or behind the host.
const char* const kOnLink =
    R"({"type": "host-local", "subnet": "192.0.2.0/24", "rangeStart": "192.0.2.100", "rangeEnd": "192.0.2.199"})";
const char* const kRouted =
    R"({"type": "host-local", "subnet": "10.64.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]})";

// A version that older suites know as well. `plugin` are the members before "ipam".
std::string conflist(std::string_view name, std::string_view plugin, std::string_view ipam) {
  return concat(R"({"cniVersion": "1.0.0", "name": "rig-)", name, R"(", "plugins": [{)", plugin,
                R"(, "ipam": )", ipam, "}]}");
}

std::string ipvlan(std::string_view mode, std::string_view ipam) {
  return conflist(concat("ipvlan-", mode),
                  concat(R"("type": "ipvlan", "master": "up0", "mode": ")", mode, "\""), ipam);
}

bool has_driver(const std::string& kind) {
  if (kind.empty()) {
    return true;
  }
  netlink::Batch batch;
  netlink::probe_driver(batch, kind);
  return netlink::RouteSocket().exchange(batch).front().error != EOPNOTSUPP;
}

// The interface of the host that a plugin of the list wants to be on.
std::string uplink_of(const cni::NetworkList& list) {
  for (const cni::PluginConf& plugin : list.plugins) {
    if (const Json* const master = cni::find_key(plugin.json, "master");
        master != nullptr && master->is_string()) {
      return master->get<std::string>();
    }
  }
  return "up0";
}

bool is_on_link(const IpAddress& address) {
  return Cidr(*IpAddress::parse(kOutsideAddress), 24).contains(address);
}

// The first exchange also fills the tables of neighbours.
std::string problem_of(const Host& host, const Path& path) {
  try {
    const Connection connection = connect_tcp(host, path);
    return "";
  } catch (const SystemError& error) {
    return error.what();
  }
}

}  // namespace

const std::vector<Topology>& built_in_topologies() {
  static const std::string kBridge = R"("type": "bridge", "bridge": "rig0", "isGateway": true)";
  static const std::vector<Topology> kTopologies = {
      {"bridge", "bridge", conflist("bridge", kBridge, kRouted)},
      {"bridge+NAT", "bridge",
       conflist("bridge-nat", concat(kBridge, R"(, "ipMasq": true)"), kRouted)},
      {"ptp", "veth", conflist("ptp", R"("type": "ptp")", kRouted)},
      {"macvlan", "macvlan",
       conflist("macvlan", R"("type": "macvlan", "master": "up0", "mode": "bridge")", kOnLink)},
      {"ipvlan l2", "ipvlan", ipvlan("l2", kOnLink)},
      {"ipvlan l3", "ipvlan", ipvlan("l3", kRouted)},
      {"ipvlan l3s", "ipvlan", ipvlan("l3s", kRouted)},
  };
  return kTopologies;
}

Topology topology_of_file(const std::string& path) {
  std::string text = read_file(path, kLongestList);
  const cni::NetworkList list = cni::parse_network_list(text, path);
  return {list.name, "", std::move(text)};
}

Testbed::Testbed(const std::vector<Topology>& topologies, const std::vector<Suite>& suites) {
  add_host();
  for (const Topology& topology : topologies) {
    for (const Suite& suite : suites) {
      add_topology(topology, suite);
    }
  }
}

void Testbed::add_host() {
  Host& host = hosts_.emplace_back(HostOptions{.plugin_path = {}, .name = "host"});
  host.make_outside(kOutside);
  const Path outside = {"", kOutside, *IpAddress::parse(kOutsideAddress)};
  const Path loopback = {"", "", *IpAddress::parse("127.0.0.1")};
  cases_.push_back({"host", "to outside", "", &host, outside, ""});
  cases_.push_back({"host", "to outside, again", "", &host, outside, ""});
  cases_.push_back({"host", "loopback", "", &host, loopback, ""});
}

void Testbed::add_topology(const Topology& topology, const Suite& suite) {
  const std::string name =
      suite.label.empty() ? topology.name : concat(topology.name, " [", suite.label, "]");
  const std::size_t first = cases_.size();
  for (const char* const way : {kOutwards, "outside to container", "container to container"}) {
    cases_.push_back({name, way, "", nullptr, {}, ""});
  }
  const std::span<Case> ways = std::span(cases_).subspan(first);
  if (!has_driver(topology.driver)) {
    for (Case& each : ways) {
      each.unavailable = concat("this kernel has no ", topology.driver);
    }
    return;
  }
  const cni::NetworkList list =
      cni::parse_network_list(topology.conflist, concat("network ", topology.name));
  Host& host = hosts_.emplace_back(HostOptions{.plugin_path = suite.plugin_path,
                                               .name = concat("host", hosts_.size()),
                                               .uplink = uplink_of(list)});
  host.make_outside(kOutside);
  const IpAddress a = host.attach("a", list);
  const IpAddress b = host.attach("b", list);
  for (const IpAddress& address : {a, b}) {
    if (!is_on_link(address)) {
      host.add_route(kOutside, address);
    }
  }
  ways[0].path = {"a", kOutside, *IpAddress::parse(kOutsideAddress)};
  ways[1].path = {kOutside, "b", b};
  ways[2].path = {"a", "b", b};
  for (Case& each : ways) {
    each.host = &host;
    each.container = "b";
    each.unavailable = problem_of(host, each.path);
  }
}

}  // namespace linnet::rig
