// The scripted plugin of plugin_folder.h. It finds its script beside the path it was called by.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/request.h"
#include "libcni/version.h"

using linnet::concat;
using linnet::cni::Json;

namespace {

constexpr std::size_t kLimit = std::size_t{64} << 20U;

std::string variable(const char* name) {
  return linnet::cni::process_environment(name).value_or("");
}

Json parse_or_text(const std::string& text) {
  try {
    return linnet::cni::parse_json(text, "stdin");
  } catch (const linnet::cni::Error&) {
    return text;
  }
}

Json environment() {
  Json json = Json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (text.starts_with("CNI_") && equals != std::string::npos) {
      json[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return json;
}

std::string usual_answer(const std::string& verb, const Json& configuration) {
  if (verb == "VERSION") {
    return linnet::cni::dump(linnet::cni::version_answer(linnet::cni::kAllVersions));
  }
  if (verb != "ADD") {
    return {};
  }
  if (const Json* before = linnet::cni::find_key(configuration, "prevResult")) {
    return linnet::cni::dump(*before);
  }
  linnet::cni::Result result;
  result.interfaces = {{.name = variable("CNI_IFNAME"), .sandbox = variable("CNI_NETNS")}};
  result.ips = {{.interface = 0, .address = *linnet::Cidr::parse("10.1.2.3/24")}};
  return linnet::cni::dump(to_json(result, configuration.value("cniVersion", "0.4.0")));
}

std::string answer(const Json& entry, const std::string& verb, const Json& configuration) {
  const Json* scripted = linnet::cni::find_key(entry, "stdout");
  if (scripted == nullptr) {
    const bool failing = entry.value("exit", 0) != 0;
    return failing ? std::string() : usual_answer(verb, configuration);
  }
  if (scripted->is_object() && scripted->contains("fill")) {
    return std::string((*scripted)["fill"].get<std::size_t>(), 'x');
  }
  return scripted->is_string() ? scripted->get<std::string>() : linnet::cni::dump(*scripted);
}

void record(const std::string& log, const std::string& type, const std::string& verb,
            const Json& configuration) {
  const std::string line = linnet::cni::dump(
      {{"plugin", type}, {"verb", verb}, {"env", environment()}, {"in", configuration}});
  const linnet::UniqueFd fd = linnet::open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  linnet::write_all(fd.get(), line + "\n", log);
}

}  // namespace

int main(int, char** arguments) {
  const std::string self = arguments[0];
  const std::size_t slash = self.find_last_of('/');
  const std::string type = self.substr(slash + 1);
  const std::string verb = variable("CNI_COMMAND");
  const Json script =
      linnet::cni::parse_json(linnet::read_file(self + ".script", kLimit), "script");
  const Json* found = linnet::cni::find_key(script, verb);
  const Json entry = found == nullptr ? Json::object() : *found;
  if (entry.value("close_stdin", false)) {
    ::close(STDIN_FILENO);
  }
  const Json configuration = entry.value("close_stdin", false)
                                 ? Json()
                                 : parse_or_text(linnet::read_all(STDIN_FILENO, kLimit, "stdin"));
  record(self.substr(0, slash) + "/calls.log", type, verb, configuration);
  linnet::write_all(STDERR_FILENO, entry.value("stderr", ""), "stderr");
  linnet::write_all(STDOUT_FILENO, answer(entry, verb, configuration), "stdout");
  if (entry.value("close_outputs", false)) {
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
  }
  while (entry.value("hang", false)) {
    ::pause();
  }
  if (const int signal = entry.value("signal", 0)) {
    ::raise(signal);
  }
  return entry.value("exit", 0);
}
