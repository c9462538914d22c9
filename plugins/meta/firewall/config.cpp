#include "plugins/meta/firewall/config.h"

#include <algorithm>

#include "base/text.h"

namespace linnet::firewall {

namespace {

using cni::ObjectReader;

// What the kernel and iptables take for the name of a chain.
constexpr std::size_t kLongestChain = 28;
// firewalld takes 17. Written into comments, where a comma ends it.
constexpr std::size_t kLongestZone = 60;

Backend parse_backend(ObjectReader& reader) {
  const std::string name = reader.text("backend").value_or("");
  if (name.empty()) {
    return Backend::kAutomatic;
  }
  if (name == "nftables") {
    return Backend::kNftables;
  }
  if (name == "iptables") {
    return Backend::kIptables;
  }
  if (name == "firewalld") {
    return Backend::kFirewalld;
  }
  reader.fail("backend", concat(linnet::quoted(name),
                                ": expected \"firewalld\", \"iptables\" or \"nftables\""));
}

IngressPolicy parse_ingress(ObjectReader& reader) {
  const std::string name = reader.text("ingressPolicy").value_or("");
  if (name.empty() || name == "open") {
    return IngressPolicy::kOpen;
  }
  if (name == "same-bridge") {
    return IngressPolicy::kSameBridge;
  }
  if (name == "isolated") {
    return IngressPolicy::kIsolated;
  }
  reader.fail("ingressPolicy",
              concat(linnet::quoted(name), ": expected \"open\", \"same-bridge\" or \"isolated\""));
}

}  // namespace

Config parse_config(const cni::NetConf& conf) {
  ObjectReader reader(conf.json, "");
  Config config;
  config.backend = parse_backend(reader);
  config.ingress = parse_ingress(reader);
  if (const auto name = reader.text("iptablesAdminChainName"); name && !name->empty()) {
    if (name->size() > kLongestChain || name->find_first_of(" \t\n!-") == 0 ||
        name->find_first_of(" \t\n\"") != std::string::npos) {
      reader.fail("iptablesAdminChainName",
                  concat(linnet::quoted(*name), " is not a chain name of at most ", kLongestChain,
                         " characters"));
    }
    config.admin_chain = *name;
  }
  if (const auto zone = reader.text("firewalldZone"); zone && !zone->empty()) {
    const bool plain = std::ranges::all_of(
        *zone, [](char letter) { return letter > ' ' && letter <= '~' && letter != ','; });
    if (!plain || zone->size() > kLongestZone) {
      reader.fail("firewalldZone",
                  concat(linnet::quoted(*zone), " is not the name of a zone of firewalld"));
    }
    config.zone = *zone;
  }
  return config;
}

}  // namespace linnet::firewall
