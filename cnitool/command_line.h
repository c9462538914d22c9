// cnitool's command line: what the arguments and the environment ask for.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "libcni/request.h"

namespace linnet::cnitool {

// The exit codes of cnitool.
enum ExitCode : int {
  kOk = 0,      // done
  kFailed = 1,  // the operation was tried and failed, or something is not valid
  kUsage = 2,   // the command line or an environment variable makes no sense: nothing was tried
};

struct Options {
  std::string command;
  std::string network;       // or, for validate, a file; empty: all of the folder
  std::string netns;         // absolute path; empty when not given
  std::string container_id;  // derived from netns unless given
  std::string ifname;
  std::string conf_dir;
  std::vector<std::string> plugin_path;
  bool plugin_path_given = false;
  std::string cache_dir;
  std::vector<std::pair<std::string, std::string>> args;
  cni::Json capability_args = cni::Json::object();
  std::optional<std::chrono::milliseconds> timeout;
  std::vector<cni::AttachmentKey> keep;
  bool json = false;
};

// What a run of cnitool prints.
struct Output {
  std::string out;
  std::string err;
};

// The options, or the exit code when there is nothing to be done (help was printed, or the command
// line is wrong and the reason printed). Options win over the environment, the environment over
// defaults.
struct CommandLine {
  std::optional<Options> options;
  ExitCode exit_code = kOk;
};
[[nodiscard]] CommandLine parse_command_line(std::span<const char* const> arguments,
                                             const cni::Environment& environment, Output& output);

// The container id that the reference's cnitool makes of a netns path: both tools can take back
// what the other attached.
[[nodiscard]] std::string container_id_of(const std::string& absolute_netns);

// Parses, runs, and returns the exit code. Errors are one line each on `output.err`.
[[nodiscard]] int run(std::span<const char* const> arguments, const cni::Environment& environment,
                      Output& output);

}  // namespace linnet::cnitool
