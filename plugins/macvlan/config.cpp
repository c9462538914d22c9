#include "plugins/macvlan/config.h"

#include <limits>

#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/mac_request.h"

namespace linnet::macvlan {

namespace {

using netlink::Macvlan;

Macvlan::Mode parse_mode(cni::ObjectReader& reader) {
  const std::string mode = reader.text("mode").value_or("");
  if (mode.empty() || mode == "bridge") {
    return Macvlan::Mode::kBridge;
  }
  if (mode == "private") {
    return Macvlan::Mode::kPrivate;
  }
  if (mode == "vepa") {
    return Macvlan::Mode::kVepa;
  }
  if (mode == "passthru") {
    return Macvlan::Mode::kPassthru;
  }
  if (mode == "source") {
    return Macvlan::Mode::kSource;
  }
  reader.fail("mode", concat("unknown macvlan mode: ", linnet::quoted(mode),
                             ", expected \"bridge\", \"private\", \"vepa\", \"passthru\" or "
                             "\"source\""));
}

MacAddress parse_mac(const cni::ObjectReader& reader, std::string_view key,
                     const std::string& text) {
  const std::optional<MacAddress> mac = MacAddress::parse(text);
  if (!mac || mac->is_multicast() || mac->is_zero()) {
    reader.fail(key, concat(linnet::quoted(text),
                            " is no unicast Ethernet address (expected six hexadecimal pairs such "
                            "as 02:11:22:33:44:55)"));
  }
  return *mac;
}

std::vector<MacAddress> parse_sources(cni::ObjectReader& reader, Macvlan::Mode mode) {
  std::vector<MacAddress> sources;
  for (const std::string& text :
       reader.text_list("sourceMacs").value_or(std::vector<std::string>{})) {
    sources.push_back(parse_mac(reader, "sourceMacs", text));
  }
  if (mode == Macvlan::Mode::kSource && sources.empty()) {
    reader.fail("sourceMacs",
                "missing: in mode \"source\" only frames from the listed Ethernet addresses reach "
                "the container");
  }
  if (mode != Macvlan::Mode::kSource && !sources.empty()) {
    reader.fail("sourceMacs", "only mode \"source\" filters by sender: remove the list");
  }
  return sources;
}

}  // namespace

attach::ChildConfig parse_config(const cni::Request& request, const cni::NetConf& conf) {
  cni::ObjectReader reader(conf.json, "");
  Macvlan macvlan;
  macvlan.mode = parse_mode(reader);
  macvlan.broadcast_queue_length = static_cast<std::uint32_t>(
      reader.integer("bcqueuelen", 0, std::numeric_limits<std::uint32_t>::max()).value_or(0));
  macvlan.sources = parse_sources(reader, macvlan.mode);
  attach::ChildConfig config{.driver = std::move(macvlan), .uplink = {}};
  config.mac = attach::requested_mac(request, conf);
  if (const std::string text = reader.text("mac").value_or(""); !config.mac && !text.empty()) {
    config.mac = parse_mac(reader, "mac", text);
  }
  attach::parse_child_keys(reader, conf, config);
  return config;
}

}  // namespace linnet::macvlan
