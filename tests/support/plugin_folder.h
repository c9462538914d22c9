// A folder of scripted plugins (fake_plugin.cpp) for tests of what executes plugins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"
#include "tests/support/temp_folder.h"

namespace linnet::test {

// Scripts are objects with a member a verb; a verb left out answers as a well-behaved chained
// plugin would: ADD prints its prevResult or an interface called CNI_IFNAME, VERSION all versions,
// the others nothing. The members of a verb's entry, all optional:
//     "stdout"       text, or JSON that is printed as it is; {"fill": N} prints N bytes
//     "stderr"       text
//     "exit"         exit code
//     "signal"       the signal the plugin kills itself with
//     "close_stdin"  true: stdin is closed unread before anything else
//     "close_outputs"  true: both are closed once everything is printed
//     "hang"         true: never ends by itself
class PluginFolder {
 public:
  [[nodiscard]] const std::string& path() const { return folder_.path(); }
  // Adds a plugin of that type and returns the path of its executable.
  std::string add(std::string_view type, const cni::Json& script = cni::Json::object()) const;

  // What every plugin of the folder was called with, oldest first: {"plugin": type, "verb": …,
  // "env": {the CNI_ variables}, "in": stdin as JSON, or as text when it is none}.
  [[nodiscard]] std::vector<cni::Json> calls() const;
  // The calls as "type VERB", without VERSION.
  [[nodiscard]] std::vector<std::string> call_names() const;
  void forget_calls() const;

 private:
  TempFolder folder_;
};

}  // namespace linnet::test
