#include "tests/support/trace.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace linnet::test {

namespace {

constexpr std::string_view kFolder = LINNET_SOURCE_DIR "/tests/traces";
constexpr std::size_t kMaxTrace = std::size_t{4} << 20U;

RecordedCall parse_call(const std::string& line, std::string_view file, std::size_t number) {
  const cni::Json json = cni::parse_json(line, concat(file, " line ", number));
  const auto text = [&](const char* key) { return json.value(key, ""); };
  return {.file = std::string(file),
          .line = number,
          .by = text("by"),
          .plugin = text("plugin"),
          .verb = text("verb"),
          .container_id = text("id"),
          .ifname = text("ifname"),
          .netns = text("netns"),
          .args = text("args"),
          .path = text("path"),
          .exit_code = json.at("exit").get<int>(),
          .input = cni::dump(json.at("in")),
          .output = json.value("out", cni::Json())};
}

}  // namespace

bool RecordedCall::is_delegation() const { return by == "bridge" || by == "ptp"; }

cni::Environment RecordedCall::environment() const {
  return [call = *this](std::string_view name) -> std::optional<std::string> {
    const std::pair<std::string_view, const std::string*> variables[] = {
        {"CNI_COMMAND", &call.verb},  {"CNI_CONTAINERID", &call.container_id},
        {"CNI_IFNAME", &call.ifname}, {"CNI_NETNS", &call.netns},
        {"CNI_ARGS", &call.args},     {"CNI_PATH", &call.path}};
    for (const auto& [variable, value] : variables) {
      if (variable == name && !value->empty()) {
        return *value;
      }
    }
    return std::nullopt;
  };
}

std::string RecordedCall::title() const {
  return concat(file, " line ", line, ": ", plugin, ' ', verb);
}

std::vector<std::string> trace_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".jsonl") {
      names.push_back(entry.path().stem());
    }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<RecordedCall> read_trace(std::string_view name) {
  std::vector<RecordedCall> calls;
  std::size_t number = 0;
  for (const std::string& line :
       split(read_file(concat(kFolder, '/', name, ".jsonl"), kMaxTrace), '\n')) {
    ++number;
    if (!line.empty()) {
      calls.push_back(parse_call(line, name, number));
    }
  }
  return calls;
}

std::vector<RecordedCall> read_all_traces() {
  std::vector<RecordedCall> calls;
  for (const std::string& name : trace_names()) {
    std::ranges::move(read_trace(name), std::back_inserter(calls));
  }
  return calls;
}

}  // namespace linnet::test
