#include "rig/setup/scenario.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "libcni/runtime.h"

namespace linnet::rig::setup {

namespace {

using cni::Json;

Json mappings_of(const Scenario& scenario, int number) {
  Json mappings = Json::array();
  for (int i = 0; i < scenario.mappings; ++i) {
    mappings.push_back({{"hostPort", host_port_of(scenario, number) + i},
                        {"containerPort", kContainerPort},
                        {"protocol", "tcp"}});
  }
  return mappings;
}

// What a plugin before portmap would have answered, and the attachment's own ports.
void publish(Json& conf, const Scenario& scenario, int number, const std::string& netns) {
  const std::string address = concat("10.64.", number / 250, ".", number % 250 + 2, "/16");
  conf.erase("ipam");
  conf["prevResult"] = {{"cniVersion", conf["cniVersion"]},
                        {"interfaces", {{{"name", "eth0"}, {"sandbox", netns}}}},
                        {"ips", {{{"interface", 0}, {"address", address}}}}};
  conf["runtimeConfig"]["portMappings"] = mappings_of(scenario, number);
}

std::string configuration_of(const Scenario& scenario, int number, const std::string& netns,
                             const std::string& previous) {
  Json conf = {{"cniVersion", "1.0.0"}, {"name", "bench"}, {"type", scenario.plugin}};
  conf["ipam"] = {{"type", "host-local"},
                  {"ranges", Json::array({Json::array({{{"subnet", "10.64.0.0/16"}}})})},
                  {"routes", Json::array({{{"dst", "0.0.0.0/0"}}})}};
  if (scenario.plugin == "bridge") {
    conf["bridge"] = "bench0";
    conf["isGateway"] = true;
  }
  if (scenario.masquerade) {
    conf["ipMasq"] = true;
  }
  if (!scenario.master.empty()) {
    conf["master"] = scenario.master;
  }
  if (!scenario.backend.empty()) {
    conf["ipMasqBackend"] = scenario.backend;
  }
  if (scenario.mappings > 0) {
    publish(conf, scenario, number, netns);
  }
  Json result = Json::parse(previous, nullptr, false);
  if (result.is_object()) {
    conf["prevResult"] = std::move(result);
  }
  return cni::dump(conf);
}

constexpr const char* kChain = R"({
  "cniVersion": "1.0.0", "name": "bench",
  "plugins": [
    {"type": "bridge", "bridge": "bench0", "isGateway": true, "ipMasq": true,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.64.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type": "firewall"},
    {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1"}}
  ]})";

int run_chain(const std::string& folder, Verb verb, const cni::RuntimeConf& conf) {
  try {
    const cni::NetworkList list = cni::parse_network_list(kChain, "the benchmark's chain");
    const cni::Runtime runtime({.plugin_path = {folder}});
    if (verb == Verb::kAdd) {
      (void)runtime.add(list, conf);
    } else {
      runtime.del(list, conf);
    }
    return 0;
  } catch (const std::exception& error) {
    write_all(STDOUT_FILENO, error.what(), "stdout");
    return 1;
  }
}

Execution chain_call(const Scenario& scenario, const std::string& folder, Verb verb, int number,
                     const std::string& netns) {
  Execution call;
  call.action = [folder, verb,
                 conf = cni::RuntimeConf{
                     .container_id = concat("bench-", number),
                     .netns = netns,
                     .ifname = "eth0",
                     .capability_args = {{"portMappings", mappings_of(scenario, number)}}}] {
    return run_chain(folder, verb, conf);
  };
  return call;
}

constexpr int kManyPorts = 200;

Scenario published(int mappings) {
  Scenario scenario;
  scenario.name = concat("portmap, ", mappings, mappings == 1 ? " port" : " ports");
  scenario.plugin = "portmap";
  scenario.mappings = mappings;
  return scenario;
}

Scenario chain_of(int mappings) {
  Scenario scenario;
  scenario.name = "chain: bridge+ipMasq+host-local, portmap, firewall, tuning";
  scenario.plugin = "bridge";
  scenario.mappings = mappings;
  scenario.chain = true;
  return scenario;
}

}  // namespace

std::vector<std::string> plugins_of(const Scenario& scenario) {
  std::vector<std::string> plugins = {scenario.plugin, "host-local"};
  if (scenario.chain) {
    plugins.insert(plugins.end(), {"portmap", "firewall", "tuning"});
  }
  return plugins;
}

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all(5);
  all[0].name = "VERSION";
  all[0].plugin = "host-local";
  all[0].adds = false;
  all[1].name = all[1].plugin = "host-local";
  all[2].name = "bridge+host-local";
  all[3].name = "bridge+ipMasq+host-local";
  all[4].name = "bridge+ipMasq(nftables)+host-local";
  all[4].backend = "nftables";
  for (std::size_t i = 2; i < all.size(); ++i) {
    all[i].plugin = "bridge";
    all[i].masquerade = i > 2;
  }
  Scenario& routed = all.emplace_back();
  routed.name = "ptp+ipMasq+host-local";
  routed.plugin = "ptp";
  routed.masquerade = true;
  for (const char* plugin : {"macvlan", "ipvlan"}) {
    Scenario& child = all.emplace_back();
    child.name = concat(plugin, "+host-local");
    child.plugin = plugin;
    child.master = "uplink0";
  }
  all.push_back(published(1));
  all.push_back(published(kManyPorts));
  all.push_back(chain_of(1));
  return all;
}

std::vector<Contrast> all_contrasts() {
  Scenario crowded = chain_of(1);
  crowded.mappings_of_others = kManyPorts;
  return {{"ports of one container: portmap",
           {{"1 port", published(1)}, {"200 ports", published(kManyPorts)}}},
          {"ports of one container: the chain",
           {{"1 port", chain_of(1)}, {"200 ports", chain_of(kManyPorts)}}},
          {"ports of other containers: the chain",
           {{"none", crowded}, {"10000 ports of 50 containers", crowded, 50}},
           true}};
}

int host_port_of(const Scenario& scenario, int number) {
  const int each = std::max(scenario.mappings, scenario.mappings_of_others);
  return 1024 + number * each % 64000;
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names = {bare_scenario().name};
  for (const Scenario& scenario : all_scenarios()) {
    names.push_back(scenario.name);
  }
  for (const Contrast& contrast : all_contrasts()) {
    names.push_back(contrast.name);
  }
  return names;
}

Scenario bare_scenario() {
  Scenario bare;
  bare.name = "bare";
  bare.plugin = "netrig-bare";
  return bare;
}

Execution call_of(const Scenario& scenario, const std::string& folder, Verb verb, int number,
                  const std::string& netns, const std::string& previous) {
  if (scenario.chain) {
    return chain_call(scenario, folder, verb, number, netns);
  }
  constexpr std::array<std::string_view, 3> kNames = {"VERSION", "ADD", "DEL"};
  Execution call;
  call.executable = concat(folder, "/", scenario.plugin);
  call.environment = {concat("CNI_COMMAND=", kNames[static_cast<std::size_t>(verb)]),
                      concat("CNI_CONTAINERID=bench-", number),
                      "CNI_IFNAME=eth0",
                      concat("CNI_NETNS=", netns),
                      concat("CNI_PATH=", folder),
                      "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  call.configuration = configuration_of(scenario, number, netns, previous);
  return call;
}

}  // namespace linnet::rig::setup
