// Network configuration lists: one from its text, or those of a folder.
// Source: CNI specification 1.1.0, section 1; the folder's rules are those of the reference
// library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libcni/error.h"
#include "libcni/json.h"

namespace linnet::cni {

struct PluginConf {
  std::string type;
  std::vector<std::string> capabilities = {};  // those declared true
  Json json = {};                              // the object as it was written
};

struct NetworkList {
  std::string name = {};
  std::string cni_version = {};  // "0.1.0" when it has none
  bool disable_check = false;
  bool disable_gc = false;
  bool load_only_inlined_plugins = false;
  std::vector<PluginConf> plugins = {};  // in the order of ADD, never empty
  std::string raw = {};                  // the list's text; of a single plugin, the list made of it
  std::string source = {};               // the file, or what the caller said
};

// Everything that is wrong with one list or plugin file: the first problem is the message, the
// others are the details. kInvalidNetworkConfig.
class NetworkListError : public Error {
 public:
  // `problems` is not empty.
  NetworkListError(std::string_view source, std::vector<std::string> problems);
  // One sentence each, without the source.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

// A list (*.conflist) from its text; `source` names it in messages. "cniVersion" and "cniVersions"
// give the newest version known here. Throws Error(kDecodingFailure) for what is no JSON and
// NetworkListError that names source, keys and values. Plugins of a folder beside the
// file are not looked for, so that a list with none of its own is an error here.
[[nodiscard]] NetworkList parse_network_list(std::string text, std::string_view source);

// A single plugin (*.conf, *.json; deprecated by the specification) as a list of one. Throws as
// above.
[[nodiscard]] NetworkList parse_single_network(std::string_view text, std::string_view source);

struct MalformedFile {
  std::string path;
  std::string problem;
};

// What a folder holds: *.conflist in the order of their names, then *.conf and *.json. Unless a
// list says "loadOnlyInlinedPlugins", the plugins in <folder>/<network name>/*.conf follow its own.
// A file that cannot be used never hides the others.
struct NetworkFolder {
  std::vector<NetworkList> networks;
  std::vector<MalformedFile> malformed;
};

// A missing folder is an empty one. Throws SystemError when the folder cannot be read.
[[nodiscard]] NetworkFolder list_networks(const std::string& folder);

// The first network of that name. Throws Error(kInvalidNetworkConfig) that says what is there
// instead: a near name, all names, and the files that could not be used.
[[nodiscard]] NetworkList load_network(const std::string& folder, std::string_view name);

// One file, its kind known by its suffix, with the plugins beside it as above. Throws SystemError,
// and as parse_network_list.
[[nodiscard]] NetworkList load_network_file(const std::string& path);

}  // namespace linnet::cni
