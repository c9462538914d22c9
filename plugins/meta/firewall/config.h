// The configuration of firewall, checked. No kernel.
#pragma once

#include <string>

#include "libcni/request.h"

namespace linnet::firewall {

// Where forwarded traffic of containers is accepted.
enum class Backend {
  // kFirewalld where it runs, else kIptables where iptables drops what it does not know, else kNftables
  kAutomatic,
  kNftables,   // nowhere else than in a table of our own
  kIptables,   // in iptables' chain FORWARD
  kFirewalld,  // in a zone of firewalld
};

// What may come in from networks that have a policy, too.
enum class IngressPolicy { kOpen, kSameBridge, kIsolated };

struct Config {
  Backend backend = Backend::kAutomatic;
  std::string admin_chain = "CNI-ADMIN";  // of iptables
  std::string zone = "trusted";           // of firewalld
  IngressPolicy ingress = IngressPolicy::kOpen;
};

// Throws cni::Error(kInvalidNetworkConfig) that names key, value and way out.
[[nodiscard]] Config parse_config(const cni::NetConf& conf);

}  // namespace linnet::firewall
