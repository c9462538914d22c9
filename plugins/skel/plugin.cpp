#include "plugins/skel/plugin.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/plugin_keys.h"
#include "netlink/netns.h"

namespace linnet::skel {

namespace {

using cni::Code;
using cni::Error;
using cni::Json;
using cni::NetConf;
using cni::Request;
using cni::Verb;

constexpr std::size_t kMaxConfiguration = std::size_t{16} << 20U;

// A reader that is gone shall be an error that can be told, not the end of the process.
void ignore_sigpipe() { (void)::signal(SIGPIPE, SIG_IGN); }

// Otherwise the first file or socket that is opened has the number of a stream that the runtime closed, and
// gets what is written there. The answer shall fail in that case.
void occupy_standard_streams() {
  constexpr const char* kSubstitutes[] = {"/dev/null", "/dev/full", "/dev/null"};
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      // The lowest number that is free. It stays open, to the end of the process.
      (void)::open(kSubstitutes[fd], O_RDWR);
    }
  }
}

void write_about(const Plugin& plugin) {
  const std::vector<std::string> versions(plugin.versions.begin(), plugin.versions.end());
  write_all(STDERR_FILENO,
            concat("CNI ", plugin.name, " plugin of linnet: ", plugin.about,
                   "\nCNI protocol versions supported: ", join(versions, ", "), "\n"),
            "stderr");
}

bool wants_help(std::span<const char* const> arguments) {
  return std::ranges::any_of(arguments, [](std::string_view argument) {
    return argument == "--help" || argument == "-h";
  });
}

bool may_run_in_target(const cni::Environment& environment) {
  const std::string value = environment("CNI_NETNS_OVERRIDE").value_or("");
  return value == "1" || equals_ignoring_case(value, "true");
}

bool is_own_namespace(const std::string& path) {
  try {
    return !path.empty() && netlink::Netns::current().is_at(path);
  } catch (const SystemError&) {
    return false;
  }
}

// A runtime that passes the host's own namespace by mistake would have the plugin rename, move and
// delete the host's interfaces. A path that cannot be opened is no such mistake: DEL comes after
// the namespace is gone.
void refuse_own_namespace(const Request& request, const cni::Environment& environment) {
  const bool concerned = request.verb == Verb::kAdd || request.verb == Verb::kDel;
  if (concerned && is_own_namespace(request.netns) && !may_run_in_target(environment)) {
    throw Error(Code::kInvalidNetns,
                concat("CNI_NETNS: ", linnet::quoted(request.netns),
                       " is the network namespace that the plugin itself runs in"),
                "name the container's namespace, or set CNI_NETNS_OVERRIDE=1");
  }
}

// Those that `verb` does not need; without one, those that the plugin's task does not.
void drop_privileges(const Plugin& plugin, const Streams& streams,
                     std::optional<Verb> verb = std::nullopt) {
  if (streams.privileges == Privileges::kKept) {
    return;
  }
  Capabilities needed = plugin.capabilities;
  if (verb == Verb::kStatus) {
    needed.add(plugin.status_capabilities);
  }
  keep_only(needed, plugin.executes);
}

std::string read_configuration(int input) {
  try {
    return read_all(input, kMaxConfiguration, "the configuration on stdin");
  } catch (const SystemError& error) {
    throw Error(Code::kIoFailure, error.what());
  }
}

void warn_of_unknown_keys(const Plugin& plugin, const NetConf& conf) {
  // A delegate reads its caller's configuration, and the caller has said it all already.
  if (conf.type != plugin.name) {
    return;
  }
  for (const std::string& warning : cni::unknown_key_warnings(conf.json)) {
    log_warning(warning);
  }
}

// The document to print; null for none.
Json dispatch(const Plugin& plugin, const Request& request, const NetConf& conf) {
  const auto call = [&](void (*verb)(const Request&, const NetConf&)) {
    if (verb != nullptr) {
      verb(request, conf);
    }
    return Json();
  };
  switch (request.verb) {
    case Verb::kAdd:
      warn_of_unknown_keys(plugin, conf);
      return plugin.add == nullptr ? Json() : to_json(plugin.add(request, conf), conf.cni_version);
    case Verb::kDel:
      return call(plugin.del);
    case Verb::kCheck:
      return call(plugin.check);
    case Verb::kGc:
      return call(plugin.gc);
    case Verb::kStatus:
      return call(plugin.status);
    case Verb::kVersion:
      break;
  }
  return Json();
}

// The version that an error object of this configuration carries, whatever else is wrong with it.
std::string version_for_errors(const std::string& configuration) {
  try {
    const Json json = cni::parse_json(configuration, "");
    const Json* version = cni::find_key(json, "cniVersion");
    if (version != nullptr && version->is_string() &&
        std::ranges::find(cni::kAllVersions, version->get_ref<const std::string&>()) !=
            cni::kAllVersions.end()) {
      return version->get<std::string>();
    }
  } catch (const Error&) {
    return std::string(cni::kNewestVersion);
  }
  return std::string(cni::kNewestVersion);
}

// What run() prints and returns.
struct Outcome {
  Json document;
  int exit_code = 0;
  // Takes the verb back, for a caller that does not learn of its success.
  std::function<void()> undo = {};
};

Outcome serve(const Plugin& plugin, const Streams& streams) {
  std::string configuration;
  try {
    const std::optional<Request> request = cni::parse_request(streams.environment);
    if (!request) {
      write_about(plugin);
      return {};
    }
    if (request->verb == Verb::kVersion) {
      return {cni::version_answer(plugin.versions)};
    }
    refuse_own_namespace(*request, streams.environment);
    drop_privileges(plugin, streams, request->verb);
    configuration = read_configuration(streams.input);
    NetConf conf = cni::parse_net_conf(configuration, request->verb, plugin.versions);
    Outcome outcome{dispatch(plugin, *request, conf)};
    if (request->verb == Verb::kAdd && plugin.del != nullptr) {
      outcome.undo = [del = plugin.del, request = *request, conf = std::move(conf)] {
        del(request, conf);
      };
    }
    return outcome;
  } catch (const std::exception& error) {
    return {to_json(cni::as_error(error), version_for_errors(configuration)), 1};
  }
}

// One write(2), so that a reader never sees half a document while the rest is being made.
int print(const Outcome& outcome, int output) {
  if (outcome.document.is_null()) {
    return outcome.exit_code;
  }
  try {
    write_all(output, cni::dump(outcome.document) + "\n", "stdout");
    return outcome.exit_code;
  } catch (const SystemError& error) {
    log_warning(concat("the answer is lost: ", error.what()));
  }
  try {
    if (outcome.undo) {
      outcome.undo();
    }
  } catch (const std::exception& error) {
    log_warning(concat("what ADD made is left to DEL: ", error.what()));
  }
  return 1;
}

// The executable under a name that is no plugin's.
int refuse_name(std::span<const Plugin* const> plugins, std::string_view name,
                std::span<const char* const> arguments, const Streams& streams) {
  ignore_sigpipe();
  std::vector<std::string> names;
  for (const Plugin* plugin : plugins) {
    names.emplace_back(plugin->name);
  }
  if (wants_help(arguments) || !streams.environment("CNI_COMMAND")) {
    std::string text = "The CNI plugins of linnet in one executable, each under its own name:\n";
    for (const Plugin* plugin : plugins) {
      text += concat("  ", plugin->name,
                     std::string(14 - std::min<std::size_t>(plugin->name.size(), 13), ' '),
                     plugin->about, "\n");
    }
    write_all(STDERR_FILENO, text + "Make a symbolic link of the name of a plugin to call it.\n",
              "stderr");
    return 0;
  }
  const Error error(Code::kInvalidEnvironment,
                    concat(linnet::quoted(name), " is the name of no plugin in this executable"),
                    concat("call it by a symbolic link named as one of them: ", join(names, ", ")));
  return print({to_json(error, std::string(cni::kNewestVersion)), 1}, streams.output);
}

}  // namespace

int run(const Plugin& plugin, std::span<const char* const> arguments, const Streams& streams) {
  set_log_name(plugin.name);
  ignore_sigpipe();
  if (wants_help(arguments)) {
    write_about(plugin);
    return 0;
  }
  return print(serve(plugin, streams), streams.output);
}

int run_by_name(std::span<const Plugin* const> plugins, std::span<const char* const> arguments,
                const Streams& streams) {
  occupy_standard_streams();
  std::string_view name = arguments.empty() ? std::string_view() : arguments.front();
  name.remove_prefix(name.rfind('/') + 1);
  const auto named =
      std::ranges::find(plugins, name, [](const Plugin* plugin) { return plugin->name; });
  if (named == plugins.end()) {
    return refuse_name(plugins, name, arguments, streams);
  }
  const Plugin& plugin = **named;
  if (plugin.task != nullptr && arguments.size() > 1) {
    drop_privileges(plugin, streams);
    if (const std::optional<int> exit_code = plugin.task(arguments)) {
      return *exit_code;
    }
  }
  return run(plugin, arguments, streams);
}

}  // namespace linnet::skel
