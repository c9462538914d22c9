// What every plugin's main shares: request, version negotiation, dispatch, one JSON document out.
// Source: CNI specification 1.1.0, sections 2 and 5.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "libcni/request.h"
#include "libcni/result.h"
#include "libcni/version.h"
#include "plugins/skel/privileges.h"

namespace linnet::skel {

// The verbs of one plugin. A verb left out succeeds without doing anything.
struct Plugin {
  std::string_view name;   // its CNI name
  std::string_view about;  // one sentence: what ADD makes
  std::span<const std::string_view> versions = cni::kAllVersions;
  Capabilities capabilities = {};         // what its verbs and its task need; others are given up
  Capabilities status_capabilities = {};  // what STATUS needs besides
  Executes executes = Executes::kNothing;
  cni::Result (*add)(const cni::Request&, const cni::NetConf&) = nullptr;
  void (*del)(const cni::Request&, const cni::NetConf&) = nullptr;
  void (*check)(const cni::Request&, const cni::NetConf&) = nullptr;
  void (*gc)(const cni::Request&, const cni::NetConf&) = nullptr;
  void (*status)(const cni::Request&, const cni::NetConf&) = nullptr;
  // What the plugin executes itself for, with arguments: an exit code, or nothing where the arguments
  // say otherwise.
  std::optional<int> (*task)(std::span<const char* const> arguments) = nullptr;
};

// Of the process; a test that runs a plugin within its own does not lose them.
enum class Privileges { kKept, kDropped };

// Where a plugin reads and writes; descriptors, so that tests can pass pipes.
struct Streams {
  int input = 0;
  int output = 1;
  cni::Environment environment = cni::process_environment;
  Privileges privileges = Privileges::kKept;
};

// Runs the verb that the environment asks for and returns the exit code: 0, or 1 with the error
// object on the output. Without CNI_COMMAND, or with --help, says on stderr what the plugin is and
// which versions it speaks. ADD and DEL of the namespace that the plugin itself runs in are refused
// before anything is read (code 8), unless CNI_NETNS_OVERRIDE is 1 or true. Then privileges that the
// plugin does not need are given up. A configuration key that nobody knows is a warning on stderr, on
// ADD only. An answer that cannot be written is 1, with a message on stderr; an ADD is then taken back by
// its DEL. SIGPIPE is ignored from here on, in the whole process.
[[nodiscard]] int run(const Plugin& plugin, std::span<const char* const> arguments,
                      const Streams& streams = {});

// run() of the plugin that has the name of the file in arguments[0], which a symbolic link gives it. Under any
// other name an error object (code 4) that lists the names; without CNI_COMMAND, or with --help, the list
// on stderr. A standard stream that is closed is occupied first, so that no file or socket has its number.
[[nodiscard]] int run_by_name(std::span<const Plugin* const> plugins,
                              std::span<const char* const> arguments, const Streams& streams = {});

}  // namespace linnet::skel
