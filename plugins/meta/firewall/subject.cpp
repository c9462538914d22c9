#include "plugins/meta/firewall/subject.h"

#include "plugins/attach/result.h"

namespace linnet::firewall {

Subject subject_of(const cni::Result& result, const std::string& ifname) {
  Subject subject;
  subject.addresses = attach::addresses_of(attach::own_part(result, ifname));
  for (std::size_t i = 0; i < result.interfaces.size(); ++i) {
    const cni::Interface& interface = result.interfaces[i];
    if (!interface.sandbox.empty() || interface.name.empty()) {
      continue;
    }
    if (i == 0) {
      subject.bridge = interface.name;
    } else {
      subject.ports.push_back(interface.name);
    }
  }
  return subject;
}

}  // namespace linnet::firewall
