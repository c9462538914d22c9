#include "plugins/attach/child_config.h"

#include <array>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::attach {

namespace {

using netlink::Ipvlan;
using netlink::Macvlan;

// Why a host end would hear nothing, empty where it works.
std::string_view problem_with_host_access(const ChildDriver& driver) {
  if (std::holds_alternative<netlink::TaggedVlan>(driver)) {
    return "a VLAN interface is the container's alone: remove the key";
  }
  if (const auto* macvlan = std::get_if<Macvlan>(&driver)) {
    switch (macvlan->mode) {
      case Macvlan::Mode::kBridge:
      case Macvlan::Mode::kVepa:
        return {};
      case Macvlan::Mode::kPrivate:
        return "in mode \"private\" the kernel lets no two interfaces of one master talk: use "
               "\"bridge\"";
      case Macvlan::Mode::kPassthru:
        return "in mode \"passthru\" the container has the master for itself: use \"bridge\"";
      case Macvlan::Mode::kSource:
        return "in mode \"source\" the kernel forwards nothing between the interfaces of one "
               "master: use \"bridge\"";
    }
  }
  const auto* ipvlan = std::get_if<Ipvlan>(&driver);
  return ipvlan != nullptr && ipvlan->flag == Ipvlan::Flag::kPrivate
             ? "with flag \"private\" the kernel lets no two interfaces of one master talk: use "
               "\"bridge\""
             : std::string_view();
}

void check_host_access(const cni::ObjectReader& reader, const ChildConfig& config) {
  if (!config.host_access) {
    return;
  }
  if (config.uplink.in_container) {
    reader.fail("hostAccess",
                "not possible with linkInContainer: the host cannot reach a master that is in the "
                "container, remove one of the two");
  }
  if (const std::string_view problem = problem_with_host_access(config.driver); !problem.empty()) {
    reader.fail("hostAccess", problem);
  }
}

}  // namespace

void parse_child_keys(cni::ObjectReader& reader, const cni::NetConf& conf, ChildConfig& config) {
  config.sysctls = parse_sysctls(conf);
  config.uplink = parse_uplink_keys(reader);
  config.enable_dad = reader.boolean("enabledad").value_or(false);
  config.host_access = reader.boolean("hostAccess").value_or(false);
  check_host_access(reader, config);
  if (conf.ipam_type.empty() && !cni::can_show_layer2(conf.cni_version)) {
    reader.fail("cniVersion", concat(linnet::quoted(conf.cni_version),
                                     " has no result without an address: add \"ipam\", or use "
                                     "cniVersion 0.3.0 or newer"));
  }
}

std::string_view kind_of(const ChildDriver& driver) {
  constexpr std::array<std::string_view, std::variant_size_v<ChildDriver>> kKinds = {
      "macvlan", "ipvlan", "vlan"};
  return kKinds.at(driver.index());
}

std::string_view mode_name(const ChildDriver& driver) {
  if (const auto* ipvlan = std::get_if<Ipvlan>(&driver)) {
    switch (ipvlan->mode) {
      case Ipvlan::Mode::kL2:
        return "l2";
      case Ipvlan::Mode::kL3:
        return "l3";
      case Ipvlan::Mode::kL3s:
        return "l3s";
    }
    return "unknown";
  }
  if (std::holds_alternative<netlink::TaggedVlan>(driver)) {
    return {};
  }
  switch (std::get<Macvlan>(driver).mode) {
    case Macvlan::Mode::kPrivate:
      return "private";
    case Macvlan::Mode::kVepa:
      return "vepa";
    case Macvlan::Mode::kBridge:
      return "bridge";
    case Macvlan::Mode::kPassthru:
      return "passthru";
    case Macvlan::Mode::kSource:
      return "source";
  }
  return "unknown";
}

std::string_view flag_name(Ipvlan::Flag flag) {
  switch (flag) {
    case Ipvlan::Flag::kBridge:
      return "bridge";
    case Ipvlan::Flag::kPrivate:
      return "private";
    case Ipvlan::Flag::kVepa:
      return "vepa";
  }
  return "unknown";
}

std::string setting_text(const ChildDriver& driver) {
  const auto* vlan = std::get_if<netlink::TaggedVlan>(&driver);
  return vlan != nullptr ? concat("VLAN ", vlan->id) : concat("mode ", mode_name(driver));
}

bool is_layer3(const ChildDriver& driver) {
  const auto* ipvlan = std::get_if<Ipvlan>(&driver);
  return ipvlan != nullptr && ipvlan->mode != Ipvlan::Mode::kL2;
}

bool takes_uplink_mac(const ChildDriver& driver) {
  const auto* macvlan = std::get_if<Macvlan>(&driver);
  return macvlan == nullptr || macvlan->mode == Macvlan::Mode::kPassthru;
}

void drop_gateways(cni::Result& result) {
  for (cni::IpConfig& ip : result.ips) {
    ip.gateway.reset();
  }
  for (cni::Route& route : result.routes) {
    route.gw.reset();
  }
}

}  // namespace linnet::attach
