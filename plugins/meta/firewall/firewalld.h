// Zones of firewalld, in its runtime configuration, by D-Bus.
// Source: firewalld.dbus(5), interface org.fedoraproject.FirewallD1.zone.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/meta/firewall/subject.h"
#include "plugins/meta/firewall/system_bus.h"

namespace linnet::firewall {

class Firewalld {
 public:
  // Absent when it does not run; it is not started. Throws SystemError when the bus does not say.
  [[nodiscard]] static std::optional<Firewalld> find();

  // One that is there already is as good. Throws cni::Error that names the zone in which the address is instead.
  // When it throws the source may be there.
  void add(const ZoneSource& source);
  // Nothing if firewalld does not run any more or the address is in no zone or in another one.
  void remove_if_present(const ZoneSource& source);
  // Throws cni::Error for a zone that does not exist.
  [[nodiscard]] bool has(const ZoneSource& source);

 private:
  explicit Firewalld(SystemBus bus) : bus_(std::move(bus)) {}
  [[nodiscard]] dbus::Message call(const std::string& method, std::vector<std::string> arguments);

  SystemBus bus_;
};

}  // namespace linnet::firewall
