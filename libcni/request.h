// What a runtime asks a plugin: the verb and names from the environment, the configuration from
// stdin. Source: CNI specification 1.1.0, "Parameters" and section 5.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"
#include "libcni/result.h"

namespace linnet::cni {

enum class Verb { kAdd, kDel, kCheck, kGc, kStatus, kVersion };
[[nodiscard]] std::string_view verb_name(Verb verb);

// The name of an environment variable to its value, absent when unset.
using Environment = std::function<std::optional<std::string>(std::string_view)>;
[[nodiscard]] std::optional<std::string> process_environment(std::string_view name);

struct Request {
  Verb verb = Verb::kVersion;
  std::string container_id;       // empty for verbs that are about no attachment
  std::string netns;              // path, may be empty for DEL
  std::string ifname;             // empty for verbs that are about no attachment
  std::string args;               // CNI_ARGS as given
  std::vector<std::string> path;  // CNI_PATH, cut at ':'
};

// CNI_COMMAND and what the verb requires, validated in the order of the reference: a container id
// or interface name that is present but wrong first, then all missing variables in one error. What
// the verb does not require is not validated. Throws Error(kInvalidEnvironment) that names the
// variable and its value. Absent when CNI_COMMAND is unset or empty.
[[nodiscard]] std::optional<Request> parse_request(const Environment& environment);

// Expressions of the specification. Each returns an empty text for a valid value, else the problem,
// which shows the value. A container id is at most 200 bytes long, a network name 255, so that the
// file names that state is kept under stay possible.
[[nodiscard]] std::string problem_with_container_id(std::string_view id);
[[nodiscard]] std::string problem_with_network_name(std::string_view name);
[[nodiscard]] std::string problem_with_ifname(std::string_view ifname);
[[nodiscard]] std::string problem_with_plugin_type(std::string_view type);

// Pairs of CNI_ARGS in their order. Throws Error(kInvalidEnvironment): `CNI_ARGS: "x": …`.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_args(std::string_view args);

// The values of `known` keys in CNI_ARGS. Keys other than those and IgnoreUnknown are an error
// (kInvalidEnvironment) unless IgnoreUnknown is 1 or true (any case).
[[nodiscard]] std::map<std::string, std::string> known_args(
    std::string_view args, std::span<const std::string_view> known);

// An attachment that is still valid, from a GC configuration.
struct AttachmentKey {
  std::string container_id;
  std::string ifname;
  friend auto operator<=>(const AttachmentKey&, const AttachmentKey&) = default;
};

// The part of a plugin's configuration that every plugin shares.
// NOLINTNEXTLINE(bugprone-exception-escape): null, Json's default value, allocates nothing
struct NetConf {
  std::string cni_version;  // of the configuration; "0.1.0" when it has none
  std::string name;
  std::string type;
  std::string ipam_type;  // empty: no "ipam" or no "ipam.type"
  Dns dns;
  bool dns_given = false;
  std::optional<Result> prev_result;
  std::vector<AttachmentKey> valid_attachments;  // of GC
  std::string raw;  // the text as it came on stdin, to hand to a delegate
  Json json;        // the same, parsed
};

// Checks in the reference's order: JSON (kDecodingFailure), network name (kInvalidNetworkConfig),
// gates of CHECK, GC and STATUS, then the version itself (kIncompatibleVersion). Where `verb` is
// DEL or GC a malformed prevResult, dns or ipam is left out with a warning instead of an error:
// cleaning up must not depend on it. CHECK without a prevResult is kInvalidNetworkConfig.
[[nodiscard]] NetConf parse_net_conf(std::string text, Verb verb,
                                     std::span<const std::string_view> supported);

}  // namespace linnet::cni
