// A host with an uplink to an outside namespace, for the plugins whose interface is a child of the uplink.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {

// A mode of a plugin, and what the kernel lets pass in it.
struct ChildCase {
  std::string name;
  cni::Json keys;  // "type", "mode", …
  bool layer3 =
      false;  // containers have a subnet of their own, which the outside routes to the host
  bool siblings_talk = true;  // containers on one master reach each other
  bool shares = true;         // a master carries more than one container
  bool host_access = true;    // the mode allows the key
  bool thorough = false;      // every test runs in it, not only those of what differs between modes
};

void PrintTo(const ChildCase& child, std::ostream* out);

// Those of this executable.
const std::vector<ChildCase>& child_cases();

// up0, the uplink of the host (10.22.0.200, fd22::200), leads to "outside" (10.22.0.1, fd22::1, which is the
// default gateway; 198.51.100.1 and 2001:db8::1 are behind it).
class ChildWorld : public HostTest {
 protected:
  void SetUp() override;

  // Dual stack with default routes; c1 gets .10 and ::10.
  [[nodiscard]] static cni::Json conf_of(const ChildCase& child);
  [[nodiscard]] static std::string subnet4(const ChildCase& child) {
    return child.layer3 ? "10.33.0." : "10.22.0.";
  }
  [[nodiscard]] static std::string subnet6(const ChildCase& child) {
    return child.layer3 ? "fd33::" : "fd22::";
  }

  // The world of the host, and the links of the containers.
  [[nodiscard]] static std::string everything();
  // The message of an ADD that must fail.
  [[nodiscard]] std::string refusal(const cni::Json& conf, int code) const;
};

class ChildTest : public ChildWorld, public ::testing::WithParamInterface<ChildCase> {
 protected:
  void SetUp() override;

  [[nodiscard]] static const ChildCase& child() { return GetParam(); }
  [[nodiscard]] static cni::Json conf() { return conf_of(child()); }
  [[nodiscard]] static cni::Json conf_with(const cni::Json& changes) {
    return with(conf(), changes);
  }
  [[nodiscard]] static cni::Json accessible() { return conf_with({{"hostAccess", true}}); }
  // With the addresses .N and ::N.
  [[nodiscard]] static cni::Json fixed(cni::Json conf, int host) {
    conf["args"]["cni"]["ips"] = {address4(host), address6(host)};
    return conf;
  }
  [[nodiscard]] static std::string address4(int host) {
    return subnet4(child()) + std::to_string(host);
  }
  [[nodiscard]] static std::string address6(int host) {
    return subnet6(child()) + std::to_string(host);
  }
};

// In every mode.
class ChildMode : public ChildTest {};
// In the modes that allow hostAccess.
class ChildHostAccess : public ChildTest {};
// In every mode that allows hostAccess and in which the interfaces of one master talk.
class ChildHostTraffic : public ChildTest {};
// In one mode: the steps are the same in all.
class ChildFailures : public ChildTest {};
class ChildExample : public ChildTest {};

}  // namespace linnet::test
