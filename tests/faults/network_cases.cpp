#include <ostream>

#include "tests/faults/attachment_world.h"
#include "tests/kernel/bridge_conf.h"

namespace linnet::test {

using cni::Json;

namespace {

// One address, so that every ADD has the same result.
Json one_address(const std::string& four, const std::string& six = {}) {
  Json ipam = {{"type", "host-local"}, {"ranges", Json::array()}, {"routes", Json::array()}};
  ipam["ranges"].push_back({{{"subnet", four + "0/24"},
                             {"rangeStart", four + "7"},
                             {"rangeEnd", four + "7"},
                             {"gateway", four + "1"}}});
  ipam["routes"].push_back({{"dst", "0.0.0.0/0"}});
  if (!six.empty()) {
    ipam["ranges"].push_back({{{"subnet", six + "/64"},
                               {"rangeStart", six + "7"},
                               {"rangeEnd", six + "7"},
                               {"gateway", six + "1"}}});
    ipam["routes"].push_back({{"dst", "::/0"}});
  }
  return ipam;
}

Json conf(const char* type, const Json& keys = Json::object()) {
  return with({{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", type}}, keys);
}

Json bridge() {
  return conf("bridge", {{"bridge", "br0"},
                         {"isGateway", true},
                         {"ipMasq", true},
                         {"ipam", one_address("10.22.0.", "fd22::")}});
}

Json portmap() {
  return conf("portmap",
              {{"runtimeConfig",
                {{"portMappings",
                  {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}},
                   {{"hostPort", 5353}, {"containerPort", 53}, {"protocol", "udp"}}}}}}});
}

Json firewall() { return conf("firewall", {{"ingressPolicy", "same-bridge"}}); }

Json tuning() {
  return conf("tuning", {{"mtu", 1400},
                         {"promisc", true},
                         {"txQLen", 77},
                         {"mac", "02:00:00:00:00:aa"},
                         {"sysctl", {{"net.core.somaxconn", "1024"}}}});
}

Json bandwidth() {
  return conf("bandwidth", {{"ingressRate", 100000000},
                            {"ingressBurst", 4000000},
                            {"egressRate", 50000000},
                            {"egressBurst", 4000000}});
}

const std::vector<std::string> kWanted = {"ip",   "link", "add",  "up0",   "type",   "veth",
                                          "peer", "name", "out0", "netns", "outside"};
const std::vector<std::vector<std::string>> kUplink = {
    kWanted,
    {"ip", "-n", "outside", "link", "set", "out0", "up"},
    {"ip", "addr", "add", "192.0.2.1/24", "dev", "up0"},
    {"ip", "link", "set", "up0", "up"}};

}  // namespace

void PrintTo(const NetworkCase& network, std::ostream* out) { *out << network.name; }

const std::vector<NetworkCase>& network_cases() {
  static const std::vector<NetworkCase> cases = {
      // All that it does without the check, and the rules of the check.
      {.name = "bridge", .list = {with(bridge(), {{"macspoofchk", true}})}},
      {.name = "bridge_vlan",
       .list = {conf("bridge", {{"bridge", "br0"},
                                {"isGateway", true},
                                {"vlan", 10},
                                {"vlanTrunk", {{{"minID", 100}, {"maxID", 110}}}},
                                {"ipam", one_address("10.34.0.")}})},
       .needs = "bridge"},
      {.name = "ptp",
       .list = {conf("ptp", {{"ipMasq", true}, {"ipam", one_address("10.23.0.", "fd23::")}})}},
      {.name = "macvlan",
       .list = {conf("macvlan",
                     {{"master", "up0"}, {"hostAccess", true}, {"ipam", one_address("10.24.0.")}})},
       .preparation = kUplink},
      {.name = "ipvlan",
       .list = {conf("ipvlan",
                     {{"master", "up0"}, {"hostAccess", true}, {"ipam", one_address("10.33.0.")}})},
       .preparation = kUplink,
       .needs = "ipvlan"},
      {.name = "tap", .list = {conf("tap", {{"ipam", one_address("10.27.0.")}})}},
      {.name = "loopback", .list = {conf("loopback")}, .ifname = "lo", .collects = false},
      {.name = "host_local",
       .list = {conf("host-local", {{"ipam", one_address("10.28.0.", "fd28::")}})}},
      {.name = "static",
       .list = {conf("bridge",
                     {{"bridge", "br0"},
                      {"isGateway", true},
                      {"ipam",
                       {{"type", "static"},
                        {"addresses", {{{"address", "10.29.0.7/24"}, {"gateway", "10.29.0.1"}}}},
                        {"routes", {{{"dst", "0.0.0.0/0"}}}}}}})}},
      {.name = "host_device",
       .list = {conf("host-device", {{"device", "up0"}, {"ipam", one_address("10.30.0.")}})},
       .preparation = {kWanted,
                       {"ip", "-n", "outside", "link", "set", "out0", "up"},
                       {"ip", "link", "set", "up0", "alias", "uplink, of rack 7"},
                       {"ip", "link", "set", "up0", "up"}},
       .end_of_container = {"ip", "-n", "c1", "link", "set", "eth0", "netns", "host"}},
      {.name = "portmap", .before = {bridge()}, .list = {portmap()}},
      {.name = "firewall", .before = {bridge()}, .list = {firewall()}},
      {.name = "firewalld",
       .before = {bridge()},
       .list = {with(firewall(), {{"backend", "firewalld"}})},
       .firewalld = true},
      {.name = "firewall_legacy",
       .before = {bridge()},
       .list = {firewall()},
       .legacy_iptables = true},
      {.name = "tuning",
       .before = {bridge()},
       .list = {tuning()},
       .after_collection = {"ip", "-n", "c1", "link", "set", "eth0", "mtu", "1500", "promisc",
                            "off", "txqueuelen", "1000", "address", "MAC"}},
      // GC leaves what goes with the pair to GC of the plugin that made that: see the chain.
      {.name = "bandwidth", .before = {bridge()}, .list = {bandwidth()}, .collects = false},
      {.name = "sbr", .before = {bridge()}, .list = {conf("sbr")}, .collects = false},
      {.name = "vlan",
       .list = {conf("vlan",
                     {{"master", "up0"}, {"vlanId", 7}, {"ipam", one_address("10.31.0.")}})},
       .preparation = kUplink,
       .needs = "vlan"},
      {.name = "dummy",
       .list = {conf("dummy", {{"ipam", one_address("10.32.0.")}})},
       .needs = "dummy"},
      {.name = "vrf",
       .before = {bridge()},
       .list = {conf("vrf", {{"vrfname", "red"}})},
       .collects = false,
       .needs = "vrf"},
      {.name = "chain", .list = {bridge(), portmap(), firewall(), tuning(), bandwidth()}},
  };
  return cases;
}

}  // namespace linnet::test
