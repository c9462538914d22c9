#include "tests/support/plugin_folder.h"

#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::test {

namespace {
constexpr std::size_t kMaxCalls = std::size_t{64} << 20U;
}

std::string PluginFolder::add(std::string_view type, const cni::Json& script) const {
  folder_.write(concat(type, ".script"), cni::dump(script));
  std::string executable = folder_.at(type);
  ::unlink(executable.c_str());
  if (::symlink(FAKE_PLUGIN, executable.c_str()) != 0) {
    throw SystemError(errno, concat("link ", executable));
  }
  return executable;
}

std::vector<cni::Json> PluginFolder::calls() const {
  std::vector<cni::Json> calls;
  const std::string log = find_file(folder_.at("calls.log"), kMaxCalls).value_or("");
  for (const std::string& line : split(log, '\n')) {
    if (!line.empty()) {
      calls.push_back(cni::parse_json(line, "calls.log"));
    }
  }
  return calls;
}

std::vector<std::string> PluginFolder::call_names() const {
  std::vector<std::string> names;
  for (const cni::Json& call : calls()) {
    if (call["verb"] != "VERSION") {
      names.push_back(
          concat(call["plugin"].get<std::string>(), ' ', call["verb"].get<std::string>()));
    }
  }
  return names;
}

void PluginFolder::forget_calls() const { ::unlink(folder_.at("calls.log").c_str()); }

}  // namespace linnet::test
