#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/request.h"
#include "libcni/version.h"

namespace linnet::cni {

namespace {

constexpr std::string_view kConfigurationName = "the configuration on stdin";

struct VersionGate {
  Verb verb;
  std::string_view since;
};

constexpr std::array<VersionGate, 3> kGates = {{
    {Verb::kCheck, "0.4.0"},
    {Verb::kGc, "1.1.0"},
    {Verb::kStatus, "1.1.0"},
}};

std::string list_of(std::span<const std::string_view> versions) {
  return join(std::vector<std::string>(versions.begin(), versions.end()), " ");
}

void check_version(const std::string& version, Verb verb,
                   std::span<const std::string_view> supported) {
  const auto gate = std::ranges::find(kGates, verb, &VersionGate::verb);
  if (gate != kGates.end()) {
    const std::string_view name = verb_name(verb);
    if (!at_least(version, gate->since)) {
      throw Error(Code::kIncompatibleVersion, concat("config version does not allow ", name),
                  concat("config is ", linnet::quoted(version, 80), ", ", name, " needs ",
                         gate->since, " or newer"));
    }
    if (std::ranges::none_of(supported,
                             [&](std::string_view one) { return at_least(one, gate->since); })) {
      throw Error(Code::kIncompatibleVersion, concat("plugin version does not allow ", name),
                  concat("plugin supports [", list_of(supported), "], ", name, " needs ",
                         gate->since, " or newer"));
    }
  }
  if (std::ranges::find(supported, version) == supported.end()) {
    throw Error(Code::kIncompatibleVersion, "incompatible CNI versions",
                concat("config is ", linnet::quoted(version, 80), ", plugin supports [",
                       list_of(supported), "]"));
  }
}

// A result of another family has fields that the configuration's version gives another meaning.
Result read_prev_result(const Json& json, const std::string& config_version) {
  ObjectReader reader(json, "prevResult");
  const std::string version = reader.text("cniVersion").value_or("");
  if (!version.empty() && std::ranges::find(kAllVersions, version) != kAllVersions.end() &&
      !same_result_family(version, config_version)) {
    reader.fail("cniVersion", concat("a result of ", version, " does not fit a configuration of ",
                                     config_version, "; give both the same version"));
  }
  return parse_result(json, config_version, "prevResult");
}

// Without a list nothing is valid. A list that cannot be read must not be taken for an empty one:
// everything would be collected.
std::vector<AttachmentKey> read_attachments(ObjectReader& reader) {
  std::string_view key = "cni.dev/valid-attachments";
  const Json* list = reader.array(key);
  if (list == nullptr) {
    key = "cni.dev/attachments";
    list = reader.array(key);
  }
  std::vector<AttachmentKey> attachments;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    ObjectReader entry((*list)[i], concat(key, '[', i, ']'));
    AttachmentKey attachment{entry.text("containerID").value_or(""),
                             entry.text("ifname").value_or("")};
    for (const auto& [name, value] :
         {std::pair{"containerID", &attachment.container_id}, {"ifname", &attachment.ifname}}) {
      if (value->empty()) {
        entry.fail(name, "missing; each valid attachment has both a containerID and an ifname");
      }
    }
    attachments.push_back(std::move(attachment));
  }
  return attachments;
}

std::string read_name(ObjectReader& reader) {
  std::string name = reader.text("name").value_or("");
  if (name.empty()) {
    throw Error(Code::kInvalidNetworkConfig, "missing network name",
                "set \"name\" in the configuration");
  }
  if (const std::string problem = problem_with_network_name(name); !problem.empty()) {
    reader.fail("name", problem);
  }
  return name;
}

// Runs `step`, the reading of something that cleaning up does not depend on.
template <typename Step>
void read_optional_part(Verb verb, Step step) {
  if (verb != Verb::kDel && verb != Verb::kGc) {
    step();
    return;
  }
  try {
    step();
  } catch (const Error& error) {
    log_warning(concat(verb_name(verb), " goes on without it: ", error.what()));
  }
}

void read_parts(NetConf& conf, ObjectReader& reader, Verb verb) {
  read_optional_part(verb, [&] { conf.type = reader.text("type").value_or(""); });
  read_optional_part(verb, [&] {
    if (const Json* ipam = reader.object("ipam")) {
      conf.ipam_type = ObjectReader(*ipam, "ipam").text("type").value_or("");
    }
  });
  read_optional_part(verb, [&] {
    if (const Json* dns = reader.object("dns")) {
      conf.dns = parse_dns(*dns, "dns");
      conf.dns_given = true;
    }
  });
  read_optional_part(verb, [&] {
    if (const Json* prev_result = reader.any("prevResult")) {
      conf.prev_result = read_prev_result(*prev_result, conf.cni_version);
    }
  });
}

}  // namespace

NetConf parse_net_conf(std::string text, Verb verb, std::span<const std::string_view> supported) {
  NetConf conf;
  conf.json = parse_json(text, kConfigurationName);
  conf.raw = std::move(text);
  if (!conf.json.is_object()) {
    throw Error(Code::kDecodingFailure,
                concat(kConfigurationName, ": expected an object, got ", describe(conf.json)));
  }
  ObjectReader reader(conf.json, "");
  conf.name = read_name(reader);
  conf.cni_version = reader.text("cniVersion").value_or("");
  if (conf.cni_version.empty()) {
    conf.cni_version = "0.1.0";
  }
  check_version(conf.cni_version, verb, supported);
  read_parts(conf, reader, verb);
  if (verb == Verb::kCheck && !conf.prev_result) {
    reader.fail("prevResult", "missing; CHECK compares the container with the result of its ADD");
  }
  if (verb == Verb::kGc) {
    conf.valid_attachments = read_attachments(reader);
  }
  return conf;
}

}  // namespace linnet::cni
