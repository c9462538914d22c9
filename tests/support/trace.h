// Plugin calls recorded from real callers (tests/traces/*.jsonl): what containerd, ctr, podman,
// buildah, apptainer and the Go cnitool sent to the reference plugins, and what those answered.
//
// A file holds one JSON object a line, in the order in which the calls ended: "by" (the executable
// that called), "plugin", "verb", "id", "ifname", "netns", "args", "path" (the CNI_ variables, left
// out when empty; ids are cut to 20 characters), "exit", "in" (stdin) and "out" (stdout, left out
// when empty). Calls by a plugin ("bridge") are delegations: they belong to the call of that plugin
// which follows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"
#include "libcni/request.h"

namespace linnet::test {

struct RecordedCall {
  std::string file;  // name of the trace, such as "ctr-2.1.9"
  std::size_t line = 0;
  std::string by;
  std::string plugin;
  std::string verb;
  std::string container_id;
  std::string ifname;
  std::string netns;
  std::string args;
  std::string path;
  int exit_code = 0;
  std::string input;
  cni::Json output;  // null when nothing was printed

  // Whether a plugin made it, and not a runtime.
  [[nodiscard]] bool is_delegation() const;
  // The variables as the caller set them.
  [[nodiscard]] cni::Environment environment() const;
  // "podman-4.3.1-cni line 3: bridge ADD", for messages.
  [[nodiscard]] std::string title() const;
};

// The names of all traces, sorted.
[[nodiscard]] std::vector<std::string> trace_names();
[[nodiscard]] std::vector<RecordedCall> read_trace(std::string_view name);
[[nodiscard]] std::vector<RecordedCall> read_all_traces();

}  // namespace linnet::test
