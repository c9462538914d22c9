#include "libcni/network_list.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/request.h"
#include "libcni/version.h"

namespace linnet::cni {

namespace {

constexpr std::size_t kMaxFile = std::size_t{16} << 20U;

std::string known_versions() {
  return join(std::vector<std::string>(kAllVersions.begin(), kAllVersions.end()), ", ");
}

std::string read_name(ObjectReader& reader) {
  std::string name = reader.text("name").value_or("");
  if (const std::string problem = problem_with_network_name(name); !problem.empty()) {
    reader.fail("name", problem);
  }
  return name;
}

// The newest of "cniVersion" and "cniVersions" that is known here.
std::string read_version(ObjectReader& reader) {
  std::vector<std::string> offered =
      reader.text_list("cniVersions").value_or(std::vector<std::string>{});
  const std::string version = reader.text("cniVersion").value_or("");
  if (!version.empty()) {
    offered.push_back(version);
  }
  if (offered.empty()) {
    return "0.1.0";
  }
  const auto newest = std::ranges::find_if(
      kAllVersions.rbegin(), kAllVersions.rend(), [&](std::string_view candidate) {
        return std::ranges::find(offered, candidate) != offered.end();
      });
  if (newest == kAllVersions.rend()) {
    reader.fail(version.empty() ? "cniVersions" : "cniVersion",
                concat("unknown version ", linnet::quoted(join(offered, ", "), 80), ", known are ",
                       known_versions()));
  }
  return std::string(*newest);
}

PluginConf read_plugin(const Json& json, std::string path) {
  ObjectReader reader(json, std::move(path));
  PluginConf plugin{.type = reader.text("type").value_or(""), .json = json};
  if (const std::string problem = problem_with_plugin_type(plugin.type); !problem.empty()) {
    reader.fail("type", problem);
  }
  if (const Json* capabilities = reader.object("capabilities")) {
    ObjectReader declared(*capabilities, reader.name_of("capabilities"));
    for (const auto& [key, value] : capabilities->items()) {
      if (declared.boolean(key).value_or(false)) {
        plugin.capabilities.push_back(key);
      }
    }
  }
  return plugin;
}

// Collects what is wrong, so that a person who mends a file sees all of it at once.
class Problems {
 public:
  template <typename Step>
  void attempt(Step step) {
    try {
      step();
    } catch (const Error& error) {
      list_.emplace_back(error.what());
    }
  }
  void throw_if_any(std::string_view source) {
    if (!list_.empty()) {
      throw NetworkListError(source, std::move(list_));
    }
  }

 private:
  std::vector<std::string> list_;
};

void read_plugins(NetworkList& list, const Json& json, ObjectReader& reader, Problems& problems) {
  const Json* plugins = reader.array("plugins");
  if (plugins == nullptr && list.load_only_inlined_plugins) {
    reader.fail("plugins", "missing, although \"loadOnlyInlinedPlugins\" is true");
  }
  if (plugins == nullptr && find_key(json, "type") != nullptr) {
    reader.fail("plugins", "missing; a single plugin belongs into a .conf file");
  }
  if (plugins != nullptr && plugins->empty()) {
    reader.fail("plugins", "no plugins in list; name at least one");
  }
  for (std::size_t i = 0; plugins != nullptr && i < plugins->size(); ++i) {
    problems.attempt(
        [&] { list.plugins.push_back(read_plugin((*plugins)[i], concat("plugins[", i, ']'))); });
  }
}

// What a list says itself; "plugins" may still be missing.
NetworkList read_list(std::string text, std::string_view source) {
  const Json json = parse_json(text, "the list");
  ObjectReader reader(json, "");
  NetworkList list;
  Problems problems;
  problems.attempt([&] { list.name = read_name(reader); });
  problems.attempt([&] { list.cni_version = read_version(reader); });
  for (const auto& [key, value] : {std::pair{"disableCheck", &list.disable_check},
                                   {"disableGC", &list.disable_gc},
                                   {"loadOnlyInlinedPlugins", &list.load_only_inlined_plugins}}) {
    problems.attempt([&, k = key, v = value] { *v = reader.lenient_boolean(k).value_or(false); });
  }
  problems.attempt([&] { read_plugins(list, json, reader, problems); });
  problems.throw_if_any(source);
  list.raw = std::move(text);
  list.source = source;
  return list;
}

void require_plugins(const NetworkList& list) {
  if (list.plugins.empty()) {
    throw NetworkListError(
        list.source,
        {"\"plugins\": no plugin configs found, neither in the list nor in a folder of its name "
         "beside it"});
  }
}

NetworkList read_single(std::string_view text, std::string_view source) {
  const Json json = parse_json(text, "the configuration");
  ObjectReader reader(json, "");
  NetworkList list;
  Problems problems;
  if (find_key(json, "plugins") != nullptr) {
    problems.attempt([&] { reader.fail("plugins", "a list belongs into a .conflist file"); });
    problems.throw_if_any(source);
  }
  problems.attempt([&] { list.name = read_name(reader); });
  problems.attempt([&] { list.cni_version = read_version(reader); });
  problems.attempt([&] { list.plugins.push_back(read_plugin(json, "")); });
  problems.throw_if_any(source);
  list.raw = dump(
      {{"name", list.name}, {"cniVersion", list.cni_version}, {"plugins", Json::array({json})}});
  list.source = source;
  return list;
}

// Runs `read`, with the source in front of whatever it throws, unless that names it already.
template <typename Read>
auto naming(std::string_view source, Read read) {
  try {
    return read();
  } catch (const NetworkListError&) {
    throw;
  } catch (const Error& error) {
    throw Error(error.code(), concat(source, ": ", error.message()), error.details());
  }
}

// The names in a folder that end in one of the suffixes, sorted; nothing when there is no folder.
std::vector<std::string> names_in(const std::string& folder,
                                  std::span<const std::string_view> suffixes) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (!entries) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return {};
    }
    throw SystemError(errno, concat("read folder ", folder));
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (std::ranges::any_of(suffixes,
                            [&](std::string_view suffix) { return name.ends_with(suffix); })) {
      names.emplace_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

constexpr std::array<std::string_view, 1> kLists = {".conflist"};
constexpr std::array<std::string_view, 2> kSingles = {".conf", ".json"};

void append_plugins_beside(NetworkList& list, const std::string& folder) {
  if (list.load_only_inlined_plugins) {
    return;
  }
  const std::string beside = concat(folder, '/', list.name);
  for (const std::string& name : names_in(beside, std::span(kSingles).first(1))) {
    const std::string path = concat(beside, '/', name);
    naming(path, [&] {
      const Json json = parse_json(read_file(path, kMaxFile), "the configuration");
      list.plugins.push_back(read_plugin(json, ""));
    });
  }
}

// A single plugin never has plugins beside it.
NetworkList load_file(const std::string& folder, const std::string& name) {
  const std::string path = concat(folder, '/', name);
  std::string text = read_file(path, kMaxFile);
  if (!name.ends_with(kLists[0])) {
    return parse_single_network(text, path);
  }
  NetworkList list = naming(path, [&] { return read_list(std::move(text), path); });
  append_plugins_beside(list, folder);
  require_plugins(list);
  return list;
}

void add_files(NetworkFolder& found, const std::string& folder,
               std::span<const std::string_view> suffixes) {
  for (const std::string& name : names_in(folder, suffixes)) {
    try {
      found.networks.push_back(load_file(folder, name));
    } catch (const std::exception& error) {
      found.malformed.push_back({concat(folder, '/', name), error.what()});
    }
  }
}

std::string what_is_there_instead(const NetworkFolder& found, std::string_view wanted) {
  std::vector<std::string> names;
  for (const NetworkList& list : found.networks) {
    names.push_back(list.name);
  }
  std::vector<std::string> sentences;
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  if (const auto near = closest_match(wanted, candidates)) {
    sentences.push_back(concat("did you mean \"", *near, "\"?"));
  } else if (!names.empty()) {
    sentences.push_back(concat("networks there: ", join(names, ", ")));
  }
  for (const MalformedFile& file : found.malformed) {
    sentences.push_back(concat("not usable: ", file.problem));
  }
  return join(sentences, "; ");
}

}  // namespace

NetworkListError::NetworkListError(std::string_view source, std::vector<std::string> problems)
    : Error(Code::kInvalidNetworkConfig, concat(source, ": ", problems.front()),
            join(std::span(problems).subspan(1), "; ")),
      problems_(std::move(problems)) {}

NetworkList parse_network_list(std::string text, std::string_view source) {
  return naming(source, [&] {
    NetworkList list = read_list(std::move(text), source);
    require_plugins(list);
    return list;
  });
}

NetworkList parse_single_network(std::string_view text, std::string_view source) {
  return naming(source, [&] { return read_single(text, source); });
}

NetworkFolder list_networks(const std::string& folder) {
  NetworkFolder found;
  add_files(found, folder, kLists);
  add_files(found, folder, kSingles);
  return found;
}

NetworkList load_network(const std::string& folder, std::string_view name) {
  NetworkFolder found = list_networks(folder);
  const auto network = std::ranges::find(found.networks, name, &NetworkList::name);
  if (network != found.networks.end()) {
    return std::move(*network);
  }
  if (found.networks.empty() && found.malformed.empty()) {
    throw Error(Code::kInvalidNetworkConfig, concat("no net configurations found in ", folder),
                "put a .conflist file there, or name another folder");
  }
  throw Error(Code::kInvalidNetworkConfig,
              concat("no net configuration with name ", linnet::quoted(name), " in ", folder),
              what_is_there_instead(found, name));
}

NetworkList load_network_file(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? load_file(".", path)
                                    : load_file(path.substr(0, slash), path.substr(slash + 1));
}

}  // namespace linnet::cni
