#include "cnitool/command_line.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/sha512.h"
#include "base/text.h"
#include "cnitool/commands.h"
#include "libcni/error.h"

namespace linnet::cnitool {

namespace {

constexpr const char* kFooter = R"(
Examples:
  ip netns add blue
  cnitool add podnet /run/netns/blue            attach; prints the result
  cnitool check podnet /run/netns/blue          is it still as ADD left it?
  cnitool del podnet /run/netns/blue            detach
  cnitool list                                  what is attached
  cnitool gc podnet --keep c1/eth0 --keep c2/eth0
                                                detach everything else of podnet
  cnitool validate my.conflist                  every mistake in a file
  CAP_ARGS='{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}' \
    cnitool add podnet /run/netns/blue

Environment (an option of the same meaning wins):
  NETCONFPATH  --conf-dir         folder of network configurations  /etc/cni/net.d
  CNI_PATH     --plugin-path      folders of plugins, ':' between   /opt/cni/bin
  CNI_IFNAME   --ifname           interface in the container        eth0
  CNI_ARGS     --args             KEY=VALUE pairs, ';' between      none
  CAP_ARGS     --capability-args  JSON object, capability to value  none

Exit code: 0 done, 1 failed or not valid, 2 wrong usage (nothing was tried).)";

// The texts as they came, before they are understood.
struct Given {
  std::string network, netns, container_id, args, capability_args, plugin_path;
  std::vector<std::string> keep;
  double timeout = 0;
};

// What makes no sense of the command line or the environment.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

void define_common_options(CLI::App& app, Options& options, Given& given) {
  app.add_option("-i,--ifname", options.ifname, "interface name in the container");
  app.add_option("--conf-dir", options.conf_dir, "folder of network configurations");
  app.add_option("--plugin-path", given.plugin_path, "folders of plugins, ':' between them");
  app.add_option("--cache-dir", options.cache_dir, "folder of cached results");
  app.add_option("--args", given.args, "CNI_ARGS: KEY=VALUE pairs, ';' between them");
  app.add_option("--capability-args", given.capability_args,
                 "JSON object of capability arguments, such as port mappings");
  app.add_option("--container-id", given.container_id,
                 "container id; without it one is made of the netns path");
  app.add_option("--timeout", given.timeout, "seconds a plugin may take; 0: for ever")
      ->check(CLI::Range(0.0, 86400.0));
}

void define_commands(CLI::App& app, Options& options, Given& given) {
  const auto command = [&](const char* name, const char* about) {
    CLI::App* sub = app.add_subcommand(name, about);
    sub->callback([&options, name] { options.command = name; });
    return sub;
  };
  const auto on_network = [&](CLI::App* sub) {
    sub->add_option("network", given.network, "name of the network")->required();
    return sub->add_option("netns", given.netns, "path of the network namespace");
  };
  on_network(command("add", "attach a network namespace to a network; prints the result"))
      ->required();
  on_network(command("check", "ask whether the attachment is still as it was made"))->required();
  on_network(command("del", "detach; succeeds when there is nothing to detach"));
  on_network(command("status", "ask whether the network is ready for an add"));
  CLI::App* gc = command("gc", "detach all but the attachments to keep; none given: detach all");
  on_network(gc);
  gc->add_option("--keep", given.keep, "CONTAINERID/IFNAME that stays; repeatable")
      ->take_all()
      ->allow_extra_args(false);
  command("list", "show the cached attachments")
      ->add_flag("--json", options.json, "as a JSON array");
  command("networks", "show the names of the networks that are configured");
  command("validate", "show everything that is wrong with a network's configuration")
      ->add_option("target", given.network, "file or network; without it, every file there is");
  command("version", "show the versions of this tool, and of the plugins if a path is given");
}

std::string absolute(const std::string& path) {
  std::string text = std::filesystem::absolute(path).lexically_normal();
  while (text.size() > 1 && text.back() == '/') {
    text.pop_back();
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> parse_pairs(const std::string& text) {
  try {
    auto pairs = cni::parse_args(text);
    for (const auto& [key, value] : pairs) {
      if (key.empty() || value.empty()) {
        throw UsageError(concat("CNI_ARGS: invalid pair ", linnet::quoted(concat(key, '=', value)),
                                ", neither side may be empty"));
      }
    }
    return pairs;
  } catch (const cni::Error& error) {
    throw UsageError(error.what());
  }
}

cni::Json parse_capability_args(const std::string& text) {
  if (text.empty()) {
    return cni::Json::object();
  }
  try {
    cni::Json json = cni::parse_json(text, "CAP_ARGS");
    if (!json.is_object()) {
      throw UsageError(concat("CAP_ARGS: expected a JSON object, got ", cni::describe(json)));
    }
    return json;
  } catch (const cni::Error& error) {
    throw UsageError(error.what());
  }
}

cni::AttachmentKey parse_key(const std::string& text) {
  const std::vector<std::string> sides = split(text, '/');
  if (sides.size() != 2 || !cni::problem_with_container_id(sides[0]).empty() ||
      !cni::problem_with_ifname(sides[1]).empty()) {
    throw UsageError(concat("--keep: expected CONTAINERID/IFNAME, got ", linnet::quoted(text)));
  }
  return {sides[0], sides[1]};
}

// What was not given comes from the environment, then from the defaults.
void complete(Options& options, Given& given, const cni::Environment& environment) {
  const auto fill = [&](std::string& text, std::string_view variable, std::string_view fallback) {
    if (text.empty()) {
      text = environment(variable).value_or("");
    }
    if (text.empty()) {
      text = fallback;
    }
  };
  fill(given.plugin_path, "CNI_PATH", "");
  options.plugin_path_given = !given.plugin_path.empty();
  fill(given.plugin_path, "", "/opt/cni/bin");
  fill(options.conf_dir, "NETCONFPATH", "/etc/cni/net.d");
  fill(options.ifname, "CNI_IFNAME", "eth0");
  fill(options.cache_dir, "", "/var/lib/cni");
  fill(given.args, "CNI_ARGS", "");
  fill(given.capability_args, "CAP_ARGS", "");
  options.plugin_path = split(given.plugin_path, ':');
  std::erase(options.plugin_path, "");
  options.network = given.network;
  options.netns = given.netns.empty() ? "" : absolute(given.netns);
  options.container_id = given.container_id;
  options.args = parse_pairs(given.args);
  options.capability_args = parse_capability_args(given.capability_args);
  for (const std::string& key : given.keep) {
    options.keep.push_back(parse_key(key));
  }
  if (given.timeout > 0) {
    options.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(given.timeout * 1000));
  }
  if (options.container_id.empty() && !options.netns.empty()) {
    options.container_id = container_id_of(options.netns);
  }
  if (options.command == "del" && options.container_id.empty()) {
    throw UsageError("del: give the path of the netns, or --container-id when it is unknown");
  }
}

ExitCode dispatch(const Options& options, Output& output) {
  const std::string& command = options.command;
  if (command == "validate") {
    return validate(options, output);
  }
  if (command == "add") {
    add(options, output);
  } else if (command == "del") {
    del(options);
  } else if (command == "check") {
    check(options);
  } else if (command == "gc") {
    gc(options);
  } else if (command == "status") {
    status(options);
  } else if (command == "list") {
    list(options, output);
  } else if (command == "networks") {
    networks(options, output);
  } else {
    version(options, output);
  }
  return kOk;
}

}  // namespace

std::string container_id_of(const std::string& absolute_netns) {
  return concat("cnitool-", sha512_hex(absolute_netns, 20));
}

CommandLine parse_command_line(std::span<const char* const> arguments,
                               const cni::Environment& environment, Output& output) {
  Options options;
  Given given;
  CLI::App app("Attaches network namespaces to CNI networks, as a container runtime does.",
               "cnitool");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  define_common_options(app, options, given);
  define_commands(app, options, given);
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
    complete(options, given, environment);
    return {std::move(options)};
  } catch (const CLI::CallForHelp&) {
    output.out = app.help();
    return {std::nullopt, kOk};
  } catch (const CLI::ParseError& error) {
    output.err = concat("cnitool: ", error.what(), "\ncnitool --help tells more\n");
  } catch (const UsageError& error) {
    output.err = concat("cnitool: ", error.what(), '\n');
  }
  return {std::nullopt, kUsage};
}

int run(std::span<const char* const> arguments, const cni::Environment& environment,
        Output& output) {
  const CommandLine line = parse_command_line(arguments, environment, output);
  if (!line.options) {
    return line.exit_code;
  }
  try {
    return dispatch(*line.options, output);
  } catch (const std::exception& error) {
    output.err += concat("cnitool: ", error.what(), '\n');
    return kFailed;
  }
}

}  // namespace linnet::cnitool
