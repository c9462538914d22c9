#include "plugins/ipvlan/config.h"

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::ipvlan {

namespace {

using netlink::Ipvlan;

Ipvlan::Mode parse_mode(cni::ObjectReader& reader) {
  const std::string mode = reader.text("mode").value_or("");
  if (mode.empty() || mode == "l2") {
    return Ipvlan::Mode::kL2;
  }
  if (mode == "l3") {
    return Ipvlan::Mode::kL3;
  }
  if (mode == "l3s") {
    return Ipvlan::Mode::kL3s;
  }
  reader.fail("mode", concat("unknown ipvlan mode: ", linnet::quoted(mode),
                             ", expected \"l2\", \"l3\" or \"l3s\""));
}

Ipvlan::Flag parse_flag(cni::ObjectReader& reader) {
  const std::string flag = reader.text("flag").value_or("");
  if (flag.empty() || flag == "bridge") {
    return Ipvlan::Flag::kBridge;
  }
  if (flag == "private") {
    return Ipvlan::Flag::kPrivate;
  }
  if (flag == "vepa") {
    return Ipvlan::Flag::kVepa;
  }
  reader.fail("flag", concat("unknown ipvlan flag: ", linnet::quoted(flag),
                             ", expected \"bridge\", \"private\" or \"vepa\""));
}

// CHECK gets the result of this plugin's own ADD, in which neither the uplink nor the chain shows.
void take_from_chain(const cni::Request& request, const cni::NetConf& conf,
                     const cni::ObjectReader& reader, attach::ChildConfig& config) {
  if (request.verb != cni::Verb::kAdd || !conf.prev_result) {
    return;
  }
  const cni::Result& previous = *conf.prev_result;
  if (config.uplink.master.empty()) {
    if (previous.interfaces.size() != 1 || previous.interfaces[0].name.empty()) {
      reader.fail("master",
                  "chained master failure. PrevResult lacks a single named interface: name the "
                  "master");
    }
    config.uplink.master = previous.interfaces[0].name;
  }
  if (conf.ipam_type.empty() && !previous.ips.empty()) {
    config.given = previous;
  }
}

}  // namespace

attach::ChildConfig parse_config(const cni::Request& request, const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  const Ipvlan ipvlan = {.mode = parse_mode(reader), .flag = parse_flag(reader)};
  attach::ChildConfig config{.driver = ipvlan, .uplink = {}};
  attach::parse_child_keys(reader, conf, config);
  take_from_chain(request, conf, reader, config);
  return config;
}

}  // namespace linnet::ipvlan
