#include "plugins/meta/firewall/config.h"

#include "base/text.h"

namespace linnet::firewall {

namespace {

using cni::ObjectReader;

// What the kernel and iptables take for the name of a chain.
constexpr std::size_t kLongestChain = 28;

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
    reader.fail(
        "backend",
        "linnet does not talk to firewalld: leave the key out and put the containers' subnet "
        "into a zone of firewalld (firewall-cmd --permanent --zone=trusted --add-source=…)");
  }
  reader.fail("backend", concat(linnet::quoted(name), ": expected \"nftables\" or \"iptables\""));
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
  return config;
}

}  // namespace linnet::firewall
