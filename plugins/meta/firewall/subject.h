// Whom the rules of one attachment are about: read from prevResult, no kernel.
#pragma once

#include <string>
#include <vector>

#include "base/ip_address.h"
#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::firewall {

struct Subject {
  std::vector<Cidr> addresses;  // of the container
  std::string bridge;  // the first interface of the list, where it is on the host; may be empty
  std::vector<std::string> ports;  // the other ones on the host
};

// One address of a container, as a source of a zone of firewalld: ADDRESS/32, or /128.
struct ZoneSource {
  std::string zone;
  IpAddress address;

  friend bool operator==(const ZoneSource&, const ZoneSource&) = default;
};

[[nodiscard]] Subject subject_of(const cni::Result& result, const std::string& ifname);

}  // namespace linnet::firewall
