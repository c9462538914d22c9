#include "plugins/meta/firewall/firewalld.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::firewall {

namespace {

using std::chrono::milliseconds;

const std::string kName = "org.fedoraproject.FirewallD1";
constexpr milliseconds kBusLimit{5000};
// What libdbus waits for; a reload of a large ruleset keeps firewalld busy for seconds.
constexpr milliseconds kCallLimit{25000};

std::string source_text(const ZoneSource& source) { return Cidr::host(source.address).text(); }

// firewalld's errors have one name and start their text with a code.
bool says(const dbus::Message& answer, std::string_view code) {
  return answer.type == dbus::MessageType::kError && answer.text.starts_with(code);
}

// What the bus answers in its place: it did not run, or ended before it answered.
bool is_gone(const dbus::Message& answer) {
  constexpr std::array<std::string_view, 3> kNames = {"org.freedesktop.DBus.Error.NameHasNoOwner",
                                                      "org.freedesktop.DBus.Error.ServiceUnknown",
                                                      "org.freedesktop.DBus.Error.NoReply"};
  return answer.type == dbus::MessageType::kError &&
         std::ranges::find(kNames, answer.error_name) != kNames.end();
}

[[noreturn]] void fail(const dbus::Message& answer, std::string_view tried,
                       const ZoneSource& source) {
  if (says(answer, "INVALID_ZONE")) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"firewalldZone\": ", linnet::quoted(source.zone),
                            ": firewalld has no such zone (firewall-cmd --get-zones lists them)"));
  }
  throw cni::Error(cni::Code::kInternal,
                   concat("firewalld: ", tried, " source ", source_text(source), ", zone ",
                          source.zone, ": ", answer.error_name, ": ", linnet::quoted(answer.text)));
}

void require_answer(const dbus::Message& answer, std::string_view signature) {
  if (answer.type != dbus::MessageType::kError && answer.signature != signature) {
    throw cni::Error(cni::Code::kInternal,
                     concat("firewalld answers with ", linnet::quoted(answer.signature),
                            " where its interface says ", linnet::quoted(signature)));
  }
}

}  // namespace

std::optional<Firewalld> Firewalld::find() {
  std::optional<SystemBus> bus = SystemBus::find();
  if (!bus) {
    return std::nullopt;
  }
  const dbus::Message answer = bus->call({.destination = "org.freedesktop.DBus",
                                          .path = "/org/freedesktop/DBus",
                                          .interface = "org.freedesktop.DBus",
                                          .member = "NameHasOwner",
                                          .arguments = {kName}},
                                         kBusLimit);
  if (answer.type == dbus::MessageType::kError) {
    throw cni::Error(cni::Code::kInternal,
                     concat("ask the system bus for ", kName, ": ", answer.error_name, ": ",
                            linnet::quoted(answer.text)));
  }
  require_answer(answer, "b");
  return answer.truth ? std::optional(Firewalld(*std::move(bus))) : std::nullopt;
}

dbus::Message Firewalld::call(const std::string& method, std::vector<std::string> arguments) {
  return bus_.call({.destination = kName,
                    .path = "/org/fedoraproject/FirewallD1",
                    .interface = "org.fedoraproject.FirewallD1.zone",
                    .member = method,
                    .arguments = std::move(arguments)},
                   kCallLimit);
}

void Firewalld::add(const ZoneSource& source) {
  const std::string text = source_text(source);
  const dbus::Message answer = call("addSource", {source.zone, text});
  require_answer(answer, "s");
  if (answer.type != dbus::MessageType::kError || says(answer, "ZONE_ALREADY_SET")) {
    return;
  }
  if (!says(answer, "ZONE_CONFLICT")) {
    fail(answer, "add", source);
  }
  const dbus::Message other = call("getZoneOfSource", {text});
  throw cni::Error(cni::Code::kInternal,
                   concat("firewalld: ", text, " is a source of zone ", linnet::quoted(other.text),
                          ", not of ", linnet::quoted(source.zone),
                          ": take it out there (firewall-cmd --zone=ZONE --remove-source=", text,
                          "), or name that zone as \"firewalldZone\""));
}

void Firewalld::remove_if_present(const ZoneSource& source) {
  const dbus::Message answer = call("removeSource", {source.zone, source_text(source)});
  constexpr std::array<std::string_view, 3> kAbsent = {"UNKNOWN_SOURCE", "ZONE_CONFLICT",
                                                       "INVALID_ZONE"};
  const bool absent =
      std::ranges::any_of(kAbsent, [&](std::string_view code) { return says(answer, code); });
  if (answer.type == dbus::MessageType::kError && !absent && !is_gone(answer)) {
    fail(answer, "remove", source);
  }
}

bool Firewalld::has(const ZoneSource& source) {
  const dbus::Message answer = call("querySource", {source.zone, source_text(source)});
  if (answer.type == dbus::MessageType::kError) {
    fail(answer, "query", source);
  }
  require_answer(answer, "b");
  return answer.truth;
}

}  // namespace linnet::firewall
