#include "libcni/runtime.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/exec.h"
#include "libcni/object_text.h"
#include "libcni/version.h"

namespace linnet::cni {

namespace {

void require_valid_name(const NetworkList& list) {
  if (const std::string problem = problem_with_network_name(list.name); !problem.empty()) {
    throw Error(Code::kInvalidNetworkConfig, concat("network name: ", problem));
  }
}

void require_valid_args(const RuntimeConf& conf) {
  for (const auto& [key, value] : conf.args) {
    if (key.empty() || concat(key, value).find_first_of(";=") != std::string::npos) {
      throw Error(Code::kInvalidEnvironment,
                  concat("argument ", linnet::quoted(concat(key, '=', value)),
                         ": CNI_ARGS has no way to hold ';' or '=' in a key or value"));
    }
  }
}

void require_valid(const NetworkList& list, const RuntimeConf& conf) {
  require_valid_name(list);
  if (conf.container_id.empty()) {
    throw Error(Code::kUnknownContainer, "missing containerID");
  }
  if (const std::string problem = problem_with_container_id(conf.container_id); !problem.empty()) {
    throw Error(Code::kInvalidEnvironment, concat("container id: ", problem));
  }
  if (const std::string problem = problem_with_ifname(conf.ifname); !problem.empty()) {
    throw Error(Code::kInvalidEnvironment, concat("interface name: ", problem));
  }
  if (!conf.capability_args.is_object()) {
    throw Error(
        Code::kInvalidNetworkConfig,
        concat("capability arguments: expected an object, got ", describe(conf.capability_args)));
  }
  require_valid_args(conf);
}

std::string joined_args(const RuntimeConf& conf) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : conf.args) {
    pairs.push_back(concat(key, '=', value));
  }
  return join(pairs, ";");
}

// The plugin's object with the name and version of its list.
Json base_configuration(const NetworkList& list, const PluginConf& plugin) {
  Json configuration = plugin.json;
  configuration["name"] = list.name;
  configuration["cniVersion"] = list.cni_version;
  return configuration;
}

// `prev_result`: empty when there is none.
std::string attachment_configuration(const NetworkList& list, const PluginConf& plugin,
                                     const MemberTexts& arguments, const std::string& prev_result) {
  Json base = base_configuration(list, plugin);
  ObjectText runtime_config;
  for (const std::string& capability : plugin.capabilities) {
    if (const auto argument = arguments.find(capability); argument != arguments.end()) {
      runtime_config.add(capability, argument->second);
    }
  }
  if (!runtime_config.empty()) {
    base.erase("runtimeConfig");
  }
  if (!prev_result.empty()) {
    base.erase("prevResult");
  }
  ObjectText configuration(base);
  if (!runtime_config.empty()) {
    configuration.add("runtimeConfig", std::move(runtime_config).finish());
  }
  if (!prev_result.empty()) {
    configuration.add("prevResult", prev_result);
  }
  return std::move(configuration).finish();
}

bool keeps_result(const NetworkList& list) { return at_least(list.cni_version, "0.4.0"); }

RuntimeConf conf_of(const CachedAttachment& attachment) {
  return {.container_id = attachment.container_id,
          .netns = attachment.netns,
          .ifname = attachment.ifname,
          .args = attachment.args,
          .capability_args = attachment.capability_args};
}

Json json_of(const std::vector<AttachmentKey>& valid) {
  Json list = Json::array();
  for (const AttachmentKey& key : valid) {
    list.push_back({{"containerID", key.container_id}, {"ifname", key.ifname}});
  }
  return list;
}

}  // namespace

Runtime::Runtime(RuntimeOptions options)
    : options_(std::move(options)), cache_(options_.cache_folder) {}

std::string Runtime::execute(std::string_view type, Verb verb, const RuntimeConf& conf,
                             const std::string& configuration) const {
  const std::string executable = find_plugin(type, options_.plugin_path);
  // Every variable is set, so that none of this process's own reaches the plugin.
  const std::map<std::string, std::string> variables = {
      {"CNI_COMMAND", std::string(verb_name(verb))},
      {"CNI_CONTAINERID", conf.container_id},
      {"CNI_NETNS", conf.netns},
      {"CNI_IFNAME", conf.ifname},
      {"CNI_ARGS", joined_args(conf)},
      {"CNI_PATH", join(options_.plugin_path, ":")}};
  PluginOutput output =
      PluginProcess::start(executable, variables).run(configuration, options_.timeout);
  throw_if_failed(output, executable, verb_name(verb));
  return std::move(output.standard_output);
}

Result Runtime::add_all(const NetworkList& list, const RuntimeConf& conf) const {
  const MemberTexts arguments = member_texts(conf.capability_args);
  Result result;
  std::string prev_result;
  for (const PluginConf& plugin : list.plugins) {
    const std::string printed =
        execute(plugin.type, Verb::kAdd, conf,
                attachment_configuration(list, plugin, arguments, prev_result));
    const std::string what = concat("result of ", plugin.type);
    result = parse_result(parse_json(printed, what), list.cni_version, what);
    prev_result = dump(to_json(result, list.cni_version));
  }
  cache_.save({.network = list.name,
               .container_id = conf.container_id,
               .ifname = conf.ifname,
               .netns = conf.netns,
               .config = list.raw,
               .args = conf.args},
              arguments, prev_result);
  return result;
}

Result Runtime::add(const NetworkList& list, const RuntimeConf& conf) const {
  require_valid(list, conf);
  try {
    return add_all(list, conf);
  } catch (const std::exception& exception) {
    if (options_.failed_add == FailedAdd::kLeaveToCaller) {
      throw;
    }
    const Error error = as_error(exception);
    ErrorList undo;
    undo.attempt([&] {
      delete_all(list, conf, "");
      cache_.remove_if_present(list.name, conf.container_id, conf.ifname);
    });
    if (undo.empty()) {
      throw;
    }
    throw Error(error.code(), error.message(),
                concat(error.details(), error.details().empty() ? "" : "; ",
                       "deleting what was done: ", undo.text()));
  }
}

void Runtime::delete_all(const NetworkList& list, const RuntimeConf& conf,
                         const std::string& prev_result) const {
  const MemberTexts arguments = member_texts(conf.capability_args);
  ErrorList errors;
  for (auto plugin = list.plugins.rbegin(); plugin != list.plugins.rend(); ++plugin) {
    errors.attempt([&] {
      (void)execute(plugin->type, Verb::kDel, conf,
                    attachment_configuration(list, *plugin, arguments, prev_result));
    });
  }
  errors.throw_if_any();
}

void Runtime::del(const NetworkList& list, const RuntimeConf& conf) const {
  require_valid(list, conf);
  std::string prev_result;
  if (keeps_result(list)) {
    try {
      if (const std::optional<Result> cached = cached_result(list, conf)) {
        prev_result = dump(to_json(*cached, list.cni_version));
      }
    } catch (const std::exception& error) {
      log_warning(concat("DEL goes on without the cached result: ", error.what()));
    }
  }
  delete_all(list, conf, prev_result);
  cache_.remove_if_present(list.name, conf.container_id, conf.ifname);
}

void Runtime::check(const NetworkList& list, const RuntimeConf& conf) const {
  require_valid(list, conf);
  if (!keeps_result(list)) {
    throw Error(Code::kIncompatibleVersion,
                concat("configuration version \"", list.cni_version,
                       "\" does not support the CHECK command"),
                "set \"cniVersion\" to 0.4.0 or newer");
  }
  if (list.disable_check) {
    return;
  }
  const std::optional<Result> cached = cached_result(list, conf);
  if (!cached) {
    throw Error(Code::kUnknownContainer,
                concat("no cached result of network ", linnet::quoted(list.name), ", container ",
                       linnet::quoted(conf.container_id), ", interface ",
                       linnet::quoted(conf.ifname), " in ", cache_.folder()),
                "CHECK compares with the result of an ADD");
  }
  const std::string prev_result = dump(to_json(*cached, list.cni_version));
  const MemberTexts arguments = member_texts(conf.capability_args);
  for (const PluginConf& plugin : list.plugins) {
    (void)execute(plugin.type, Verb::kCheck, conf,
                  attachment_configuration(list, plugin, arguments, prev_result));
  }
}

void Runtime::gc(const NetworkList& list, const std::vector<AttachmentKey>& valid) const {
  require_valid_name(list);
  if (list.disable_gc) {
    return;
  }
  ErrorList errors;
  errors.attempt([&] {
    for (const CachedAttachment& attachment : cache_.list().attachments) {
      const AttachmentKey key{attachment.container_id, attachment.ifname};
      if (attachment.network == list.name && std::ranges::find(valid, key) == valid.end()) {
        errors.attempt([&] { del(list, conf_of(attachment)); });
      }
    }
  });
  if (at_least(list.cni_version, "1.1.0")) {
    for (const PluginConf& plugin : list.plugins) {
      Json configuration = base_configuration(list, plugin);
      configuration["cni.dev/valid-attachments"] = json_of(valid);
      // The name the key had before 1.1.0 was released; plugins of that time look for it.
      configuration["cni.dev/attachments"] = json_of(valid);
      errors.attempt([&] { (void)execute(plugin.type, Verb::kGc, {}, dump(configuration)); });
    }
  }
  errors.throw_if_any();
}

void Runtime::status(const NetworkList& list) const {
  require_valid_name(list);
  if (!at_least(list.cni_version, "1.1.0")) {
    return;
  }
  for (const PluginConf& plugin : list.plugins) {
    (void)execute(plugin.type, Verb::kStatus, {}, dump(base_configuration(list, plugin)));
  }
}

std::optional<Result> Runtime::cached_result(const NetworkList& list,
                                             const RuntimeConf& conf) const {
  const std::optional<CachedAttachment> cached = cached_config(list, conf);
  if (!cached || cached->result.is_null()) {
    return std::nullopt;
  }
  return parse_result(cached->result, list.cni_version, "cached result");
}

std::optional<CachedAttachment> Runtime::cached_config(const NetworkList& list,
                                                       const RuntimeConf& conf) const {
  require_valid(list, conf);
  return cache_.find(list.name, conf.container_id, conf.ifname);
}

ResultCache::Listing Runtime::list_attachments(std::string_view container_id) const {
  ResultCache::Listing listing = cache_.list();
  if (!container_id.empty()) {
    std::erase_if(listing.attachments, [&](const CachedAttachment& attachment) {
      return attachment.container_id != container_id;
    });
  }
  return listing;
}

Validation Runtime::validate(const NetworkList& list) const {
  Validation validation;
  std::set<std::string> capabilities;
  std::set<std::string> asked;
  for (const PluginConf& plugin : list.plugins) {
    capabilities.insert(plugin.capabilities.begin(), plugin.capabilities.end());
    if (!asked.insert(plugin.type).second) {
      continue;
    }
    try {
      const std::vector<std::string> versions = version_info(plugin.type);
      if (std::ranges::find(versions, list.cni_version) == versions.end()) {
        validation.problems.push_back(concat("plugin ", linnet::quoted(plugin.type),
                                             " does not speak version ", list.cni_version,
                                             " of the list, but ", join(versions, ", ")));
      }
    } catch (const std::exception& error) {
      validation.problems.emplace_back(error.what());
    }
  }
  validation.capabilities.assign(capabilities.begin(), capabilities.end());
  return validation;
}

std::vector<std::string> Runtime::version_info(std::string_view type) const {
  // Plugins older than VERSION want these variables before they look at the command.
  const RuntimeConf dummy{.container_id = "dummy", .netns = "dummy", .ifname = "dummy"};
  try {
    const std::string printed =
        execute(type, Verb::kVersion, dummy, dump({{"cniVersion", kNewestVersion}}));
    return parse_version_answer(parse_json(printed, concat("answer of ", type, " to VERSION")));
  } catch (const Error& error) {
    if (error.message().ends_with("unknown CNI_COMMAND: VERSION")) {
      return {"0.1.0"};
    }
    throw;
  }
}

}  // namespace linnet::cni
