#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cnitool/commands.h"
#include "libcni/error.h"
#include "libcni/exec.h"
#include "libcni/network_list.h"
#include "libcni/plugin_keys.h"
#include "libcni/version.h"

namespace linnet::cnitool {

namespace {

namespace fs = std::filesystem;
using cni::CachedAttachment;
using cni::Json;

constexpr std::size_t kMaxFile = std::size_t{16} << 20U;

// Rows of equal length as columns of equal width, two spaces apart.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      out += row[i];
      out.append(last ? 0 : widths[i] - row[i].size() + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

// The addresses of a cached result; what cannot be read has none to show.
std::vector<std::string> addresses_of(const CachedAttachment& attachment) {
  std::vector<std::string> addresses;
  try {
    for (const cni::IpConfig& ip : cni::parse_result(attachment.result, "0.1.0", "result").ips) {
      addresses.push_back(ip.address.text());
    }
  } catch (const cni::Error&) {
    addresses.assign({"?"});
  }
  return addresses;
}

std::string or_dash(std::string text) { return text.empty() ? "-" : std::move(text); }

std::string table_of(const std::vector<CachedAttachment>& attachments) {
  std::vector<std::vector<std::string>> rows = {
      {"NETWORK", "CONTAINER", "IFNAME", "ADDRESSES", "NETNS"}};
  for (const CachedAttachment& attachment : attachments) {
    rows.push_back({attachment.network, attachment.container_id, attachment.ifname,
                    or_dash(join(addresses_of(attachment), ",")), or_dash(attachment.netns)});
  }
  return table(rows);
}

Json json_of(const std::vector<CachedAttachment>& attachments) {
  Json list = Json::array();
  for (const CachedAttachment& attachment : attachments) {
    list.push_back({{"network", attachment.network},
                    {"containerID", attachment.container_id},
                    {"ifname", attachment.ifname},
                    {"netns", attachment.netns},
                    {"addresses", addresses_of(attachment)},
                    {"args", attachment.args},
                    {"capabilityArgs", attachment.capability_args},
                    {"result", attachment.result}});
  }
  return list;
}

std::vector<std::string> executables_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    if (entry.is_regular_file() && ::access(entry.path().c_str(), X_OK) == 0) {
      names.push_back(entry.path().filename());
    }
  }
  std::ranges::sort(names);
  return names;
}

void append(std::vector<std::string>& problems, std::string_view source,
            const std::vector<std::string>& more) {
  for (const std::string& problem : more) {
    problems.push_back(concat(source, ": ", problem));
  }
}

// Misspelt keys, also of a file that is not usable.
std::vector<std::string> unknown_keys_of(const Json& json, bool is_list) {
  if (!json.is_object()) {
    return {};
  }
  if (!is_list) {
    return cni::unknown_key_warnings(json);
  }
  cni::ObjectReader reader(json, "");
  std::vector<std::string> sentences =
      reader.unknown_keys({"cniVersion", "cniVersions", "name", "disableCheck", "disableGC",
                           "loadOnlyInlinedPlugins", "plugins"});
  const Json* plugins = cni::find_key(json, "plugins");
  for (std::size_t i = 0; plugins != nullptr && plugins->is_array() && i < plugins->size(); ++i) {
    append(sentences, concat("plugins[", i, ']'), cni::unknown_key_warnings((*plugins)[i]));
  }
  return sentences;
}

// Whether the plugins are there and fit, the IPAM plugins they delegate to included.
std::vector<std::string> plugin_problems(const Options& options, const cni::NetworkList& network) {
  std::vector<std::string> problems = runtime_of(options).validate(network).problems;
  for (const cni::PluginConf& plugin : network.plugins) {
    const Json* ipam = cni::find_key(plugin.json, "ipam");
    const Json* type = ipam == nullptr ? nullptr : cni::find_key(*ipam, "type");
    if (type != nullptr && type->is_string()) {
      try {
        (void)cni::find_plugin(type->get<std::string>(), options.plugin_path);
      } catch (const cni::Error& error) {
        problems.push_back(concat("\"ipam\" of ", plugin.type, ": ", error.what()));
      }
    }
  }
  return problems;
}

std::vector<std::string> problems_of_file(const Options& options, const std::string& path) {
  std::vector<std::string> problems;
  try {
    const Json json = cni::parse_json(read_file(path, kMaxFile), path);
    append(problems, path, unknown_keys_of(json, path.ends_with(".conflist")));
    append(problems, path, plugin_problems(options, cni::load_network_file(path)));
  } catch (const cni::NetworkListError& error) {
    append(problems, path, error.problems());
  } catch (const std::exception& error) {
    problems.emplace_back(error.what());
  }
  return problems;
}

bool names_a_file(const std::string& target) {
  return target.find('/') != std::string::npos || target.ends_with(".conflist") ||
         target.ends_with(".conf") || target.ends_with(".json");
}

std::vector<std::string> files_to_validate(const Options& options) {
  if (names_a_file(options.network)) {
    return {options.network};
  }
  if (!options.network.empty()) {
    return {cni::load_network(options.conf_dir, options.network).source};
  }
  std::vector<std::string> files;
  const cni::NetworkFolder folder = cni::list_networks(options.conf_dir);
  for (const cni::NetworkList& network : folder.networks) {
    files.push_back(network.source);
  }
  for (const cni::MalformedFile& file : folder.malformed) {
    files.push_back(file.path);
  }
  if (files.empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("no net configurations found in ", options.conf_dir),
                     "name a file, or another folder with --conf-dir");
  }
  return files;
}

}  // namespace

void list(const Options& options, Output& output) {
  const cni::ResultCache::Listing listing =
      runtime_of(options).list_attachments(options.container_id);
  output.out =
      options.json ? cni::dump(json_of(listing.attachments)) + "\n" : table_of(listing.attachments);
  for (const std::string& problem : listing.problems) {
    output.err += concat("cnitool: not usable: ", problem, '\n');
  }
}

void networks(const Options& options, Output& output) {
  const cni::NetworkFolder folder = cni::list_networks(options.conf_dir);
  for (const cni::NetworkList& network : folder.networks) {
    output.out += network.name + "\n";
  }
  for (const cni::MalformedFile& file : folder.malformed) {
    output.err += concat("cnitool: not usable: ", file.problem, '\n');
  }
}

void version(const Options& options, Output& output) {
  const std::vector<std::string> versions(cni::kAllVersions.begin(), cni::kAllVersions.end());
  output.out = concat("cnitool ", LINNET_VERSION, " (linnet)\nCNI specification ",
                      join(versions, " "), '\n');
  if (!options.plugin_path_given) {
    return;
  }
  const cni::Runtime runtime = runtime_of(options);
  std::vector<std::vector<std::string>> rows = {{"PLUGIN", "VERSIONS"}};
  for (const std::string& folder : options.plugin_path) {
    for (const std::string& name : executables_in(folder)) {
      try {
        rows.push_back({name, join(runtime.version_info(name), " ")});
      } catch (const std::exception& error) {
        rows.push_back({name, error.what()});
      }
    }
  }
  output.out += table(rows);
}

ExitCode validate(const Options& options, Output& output) {
  std::vector<std::string> problems;
  const std::vector<std::string> files = files_to_validate(options);
  for (const std::string& file : files) {
    std::ranges::move(problems_of_file(options, file), std::back_inserter(problems));
  }
  for (const std::string& problem : problems) {
    output.err += problem + "\n";
  }
  if (problems.empty()) {
    output.out = concat(join(files, "\n"), files.size() == 1 ? ": valid\n" : "\nall valid\n");
  }
  return problems.empty() ? kOk : kFailed;
}

}  // namespace linnet::cnitool
