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

[[nodiscard]] Subject subject_of(const cni::Result& result, const std::string& ifname);

}  // namespace linnet::firewall
