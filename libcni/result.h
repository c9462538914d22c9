// The result of ADD in the shape of the newest specification, and its conversion from and to every
// older one.
// Source: CNI specification 1.1.0, "Success" and "Abbreviated success".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "libcni/json.h"

namespace linnet::cni {

// Absent texts are empty, absent numbers 0, except where 0 differs from absent.
struct Interface {
  std::string name = {};
  std::string mac = {};
  std::uint32_t mtu = 0;         // since 1.1.0; bytes
  std::string sandbox = {};      // netns path; empty: on the host
  std::string socket_path = {};  // since 1.1.0
  std::string pci_id = {};       // since 1.1.0
  friend bool operator==(const Interface&, const Interface&) = default;
};

struct IpConfig {
  std::optional<std::size_t> interface = {};  // index into Result::interfaces
  Cidr address = {};
  std::optional<IpAddress> gateway = {};
  friend bool operator==(const IpConfig&, const IpConfig&) = default;
};

struct Route {
  Cidr dst = {};
  std::optional<IpAddress> gw = {};
  std::uint32_t mtu = 0;                    // since 1.1.0; bytes
  std::uint32_t advmss = 0;                 // since 1.1.0; bytes
  std::uint32_t priority = 0;               // since 1.1.0; metric
  std::optional<std::uint32_t> table = {};  // since 1.1.0
  std::optional<std::uint8_t> scope = {};   // since 1.1.0; RT_SCOPE_*
  friend bool operator==(const Route&, const Route&) = default;
};

struct Dns {
  std::vector<std::string> nameservers = {};
  std::string domain = {};
  std::vector<std::string> search = {};
  std::vector<std::string> options = {};
  [[nodiscard]] bool empty() const {
    return nameservers.empty() && domain.empty() && search.empty() && options.empty();
  }
  friend bool operator==(const Dns&, const Dns&) = default;
};

struct Result {
  std::vector<Interface> interfaces = {};
  std::vector<IpConfig> ips = {};
  std::vector<Route> routes = {};
  Dns dns = {};
  friend bool operator==(const Result&, const Result&) = default;
};

// Reads a result of any version. Its own "cniVersion" decides, `default_version` when it has none.
// JSON null is an empty result. Throws Error(kDecodingFailure) that names the field ("prevResult.
// ips[0].address": …; `what` is the object's name in messages), and Error(kIncompatibleVersion) for
// a version nobody knows. Interface indexes outside `interfaces` are an error.
[[nodiscard]] Result parse_result(const Json& json, std::string_view default_version,
                                  std::string_view what);

// Writes the result as `version` defines it, fields that version lacks dropped. Throws
// Error(kIncompatibleVersion) for an unknown version, and kInternal for 0.1.0 and 0.2.0 when there
// is no address to show ("cannot convert: no valid IP addresses").
[[nodiscard]] Json to_json(const Result& result, std::string_view version);

// Whether `version` can show this result at all, to be asked before anything is done for it: 0.1.0
// and 0.2.0 know no result without an address.
[[nodiscard]] bool can_show_layer2(std::string_view version);

// Whether results of the two versions may be mixed (a prevResult of 0.4.0 in a 1.0.0 configuration
// may not, 1.0.0 in 1.1.0 may): both belong to 0.1.0-0.2.0, to 0.3.0-0.4.0 or to 1.x.
[[nodiscard]] bool same_result_family(std::string_view a, std::string_view b);

[[nodiscard]] Dns parse_dns(const Json& json, std::string path);
[[nodiscard]] Route parse_route(const Json& json, std::string path);

}  // namespace linnet::cni
