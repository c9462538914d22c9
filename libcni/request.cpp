#include "libcni/request.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::cni {

namespace {

struct VerbRules {
  Verb verb;
  std::string_view name;
  bool needs_attachment;  // CNI_CONTAINERID and CNI_IFNAME
  bool needs_netns;
  bool needs_path;
};

constexpr std::array<VerbRules, 6> kVerbs = {{
    {Verb::kAdd, "ADD", true, true, true},
    {Verb::kDel, "DEL", true, false, true},
    {Verb::kCheck, "CHECK", true, true, true},
    {Verb::kGc, "GC", false, false, true},
    {Verb::kStatus, "STATUS", false, false, true},
    {Verb::kVersion, "VERSION", false, false, false},
}};

constexpr std::size_t kMaxIfname = 15;
// What is left of a file name's 255 bytes for the id in "<id>_<ifname>.json.<pid>.tmp", rounded
// down.
constexpr std::size_t kMaxContainerId = 200;
constexpr std::size_t kMaxFileName = 255;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// ^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$
std::string problem_with_identifier(std::string_view text, std::size_t limit) {
  if (text.empty()) {
    return "expected a value, got nothing";
  }
  if (!is_alphanumeric(text.front())) {
    return concat(linnet::quoted(text), " does not start with a letter or a digit");
  }
  const auto bad = std::ranges::find_if_not(
      text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
  if (bad != text.end()) {
    return concat(linnet::quoted(text),
                  " holds other characters than letters, digits, '_', '.' and '-'");
  }
  if (text.size() > limit) {
    return concat(linnet::quoted(text, 40), " is ", text.size(),
                  " bytes long, file names made of it allow ", limit);
  }
  return {};
}

// White space beyond ASCII as Unicode defines it, in UTF-8.
constexpr std::array<std::string_view, 19> kBeyondAscii = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

// The reference refuses all white space in interface names, not only what the kernel does.
bool holds_white_space(std::string_view text) {
  return text.find_first_of(" \t\r\n\v\f") != std::string_view::npos ||
         std::ranges::any_of(kBeyondAscii, [&](std::string_view space) {
           return text.find(space) != std::string_view::npos;
         });
}

void require_valid(std::string_view variable, const std::string& value,
                   std::string (*problem_with)(std::string_view)) {
  if (value.empty()) {
    return;
  }
  if (const std::string problem = problem_with(value); !problem.empty()) {
    throw Error(Code::kInvalidEnvironment, concat(variable, ": ", problem));
  }
}

const VerbRules& rules_of(const std::string& command) {
  const auto rules = std::ranges::find(kVerbs, std::string_view(command), &VerbRules::name);
  if (rules == kVerbs.end()) {
    throw Error(Code::kInvalidEnvironment, concat("unknown CNI_COMMAND: ", command),
                "expected ADD, DEL, CHECK, GC, STATUS or VERSION");
  }
  return *rules;
}

std::vector<std::string> search_path(std::string_view value) {
  std::vector<std::string> folders = split(value, ':');
  std::erase(folders, std::string());
  return folders;
}

bool truth_of(std::string_view key, const std::string& value) {
  if (value == "1" || equals_ignoring_case(value, "true")) {
    return true;
  }
  if (value == "0" || equals_ignoring_case(value, "false")) {
    return false;
  }
  throw Error(
      Code::kInvalidEnvironment,
      concat("CNI_ARGS: ", key, ": expected 1, 0, true or false, got ", linnet::quoted(value)));
}

}  // namespace

std::string_view verb_name(Verb verb) {
  return std::ranges::find(kVerbs, verb, &VerbRules::verb)->name;
}

std::optional<std::string> process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<Request> parse_request(const Environment& environment) {
  const auto get = [&](std::string_view name) { return environment(name).value_or(""); };
  const std::string command = get("CNI_COMMAND");
  if (command.empty()) {
    return std::nullopt;
  }
  const VerbRules& rules = rules_of(command);
  Request request;
  request.verb = rules.verb;
  request.netns = get("CNI_NETNS");
  request.args = get("CNI_ARGS");
  const std::string path = get("CNI_PATH");
  request.path = search_path(path);
  std::vector<std::string> missing;
  const auto require = [&](const char* name, const std::string& value) {
    if (value.empty()) {
      missing.emplace_back(name);
    }
  };
  if (rules.needs_attachment) {
    request.container_id = get("CNI_CONTAINERID");
    request.ifname = get("CNI_IFNAME");
    require_valid("CNI_CONTAINERID", request.container_id, problem_with_container_id);
    require_valid("CNI_IFNAME", request.ifname, problem_with_ifname);
    require("CNI_CONTAINERID", request.container_id);
  }
  if (rules.needs_netns) {
    require("CNI_NETNS", request.netns);
  }
  if (rules.needs_attachment) {
    require("CNI_IFNAME", request.ifname);
  }
  if (rules.needs_path) {
    require("CNI_PATH", path);
  }
  if (!missing.empty()) {
    throw Error(Code::kInvalidEnvironment,
                concat("required env variables [", join(missing, ","), "] missing"));
  }
  return request;
}

std::string problem_with_container_id(std::string_view id) {
  return problem_with_identifier(id, kMaxContainerId);
}

std::string problem_with_network_name(std::string_view name) {
  return problem_with_identifier(name, kMaxFileName);
}

std::string problem_with_ifname(std::string_view ifname) {
  if (ifname.empty()) {
    return "expected an interface name, got nothing";
  }
  if (ifname.size() > kMaxIfname) {
    return concat(linnet::quoted(ifname), " is ", ifname.size(),
                  " bytes long, the kernel takes at most ", kMaxIfname);
  }
  if (ifname == "." || ifname == "..") {
    return concat(linnet::quoted(ifname), " is not an interface name");
  }
  if (ifname.find_first_of("/:") != std::string_view::npos || holds_white_space(ifname)) {
    return concat(linnet::quoted(ifname), " holds '/', ':' or white space");
  }
  // Never in an environment, but in JSON.
  if (ifname.find('\0') != std::string_view::npos) {
    return concat(linnet::quoted(ifname), " holds a zero byte");
  }
  return {};
}

std::string problem_with_plugin_type(std::string_view type) {
  if (type.empty()) {
    return "expected the name of a plugin, got nothing";
  }
  if (type == "." || type == ".." || type.find('/') != std::string_view::npos) {
    return concat(linnet::quoted(type), " is not the plain name of a plugin");
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> parse_args(std::string_view args) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (args.empty()) {
    return pairs;
  }
  for (const std::string& part : split(args, ';')) {
    const std::vector<std::string> sides = split(part, '=');
    if (sides.size() != 2) {
      throw Error(Code::kInvalidEnvironment, concat("CNI_ARGS: invalid pair ", linnet::quoted(part),
                                                    ", expected KEY=VALUE and ';' between pairs"));
    }
    pairs.emplace_back(sides[0], sides[1]);
  }
  return pairs;
}

std::map<std::string, std::string> known_args(std::string_view args,
                                              std::span<const std::string_view> known) {
  std::map<std::string, std::string> values;
  std::vector<std::string> unknown;
  bool ignore_unknown = false;
  for (auto& [key, value] : parse_args(args)) {
    if (key == "IgnoreUnknown") {
      ignore_unknown = truth_of(key, value);
    } else if (std::ranges::find(known, key) != known.end()) {
      values[key] = value;
    } else {
      unknown.push_back(linnet::quoted(concat(key, '=', value)));
    }
  }
  if (!unknown.empty() && !ignore_unknown) {
    const std::vector<std::string> names(known.begin(), known.end());
    throw Error(Code::kInvalidEnvironment,
                concat("CNI_ARGS: unknown args [", join(unknown, " "), "]"),
                concat("known here: ", names.empty() ? "none" : join(names, ", "),
                       "; IgnoreUnknown=1 lets others pass"));
  }
  return values;
}

}  // namespace linnet::cni
