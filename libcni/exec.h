// Finding and executing plugins.
// Source: CNI specification 1.1.0, sections 3 and 4.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "libcni/error.h"
#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::cni {

// The first regular file of that name along `path`. Throws Error(kInvalidNetworkConfig) for a type
// that is no plain name, and Error(kInvalidEnvironment) for one that is in none of the folders (the
// message lists them).
[[nodiscard]] std::string find_plugin(std::string_view type, std::span<const std::string> path);

struct PluginOutput {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string standard_output;
  std::string standard_error;
};

// One execution of a plugin, in two steps: start() returns while the child is still loading, and
// the child has done nothing before run() gives it its configuration, since every plugin reads
// stdin to the end first. So a caller can prepare the ground meanwhile, and walk away from it at no
// cost: a process destroyed before give() is killed and reaped.
//
// A busy text file (ETXTBSY: it is being replaced) is retried up to five times, a second apart.
class PluginProcess {
 public:
  // `overrides` are set on top of this process's environment. Throws SystemError.
  [[nodiscard]] static PluginProcess start(const std::string& executable,
                                           const std::map<std::string, std::string>& overrides);
  // A program that is no plugin: with `arguments` behind its name, and nothing but `environment` (NAME=VALUE).
  [[nodiscard]] static PluginProcess start(const std::string& executable,
                                           std::vector<std::string> arguments,
                                           std::vector<std::string> environment);
  PluginProcess(PluginProcess&& other) noexcept;
  PluginProcess& operator=(PluginProcess&& other) noexcept;
  PluginProcess(const PluginProcess&) = delete;
  PluginProcess& operator=(const PluginProcess&) = delete;
  ~PluginProcess();

  // Hands the configuration over: the child works from here on. To be called once. Throws SystemError.
  void give(std::string_view configuration);

  // Collects both outputs (each at most 16 MiB, else the child is killed: Error(kIoFailure)) and waits,
  // after give(). A child that does not read its configuration is no error. One that is still there
  // after `timeout` is killed: Error(kTryAgainLater). No timeout: waits for ever. Throws SystemError;
  // ECHILD when this process lets the kernel reap its children (SIGCHLD ignored).
  [[nodiscard]] PluginOutput finish(std::optional<std::chrono::milliseconds> timeout = {});

  // give() and finish().
  [[nodiscard]] PluginOutput run(std::string_view configuration,
                                 std::optional<std::chrono::milliseconds> timeout = {});

 private:
  PluginProcess() = default;
  void kill_and_reap() noexcept;
  [[nodiscard]] int wait();

  std::string executable_;
  pid_t pid_ = -1;
  UniqueFd input_;
  std::string unwritten_;  // of the configuration: what the pipe did not take at once
  UniqueFd output_;
  UniqueFd error_;
};

// What a finished plugin said: nothing thrown on exit code 0; else its error object with code and
// details, the message behind `plugin type="bridge" failed (add): `, or, when it printed none, an
// Error(kInternal) with its stderr. Standard error of a success is forwarded to this process's.
void throw_if_failed(const PluginOutput& output, std::string_view executable,
                     std::string_view verb);

// `error` of a plugin as its caller reports it, under "plugin type="bridge" failed (add): ".
[[nodiscard]] Error failure_of(std::string_view type, std::string_view verb, const Error& error);

// A delegate (IPAM) of a plugin: the plugin's own configuration and environment, another
// executable. Source: specification section 4, "Plugin Delegation".
class Delegate {
 public:
  // `executable` as find_plugin() gives it.
  explicit Delegate(std::string executable) : executable_(std::move(executable)) {}

  // Starts the child early; see PluginProcess. `verb` becomes its CNI_COMMAND.
  [[nodiscard]] PluginProcess start(Verb verb) const;
  // The result of an ADD to which give() has handed conf.raw. Throws the delegate's error, and
  // Error(kDecodingFailure) for a result that cannot be read.
  [[nodiscard]] Result finish_add(PluginProcess process, const NetConf& conf) const;
  // Another verb after give(): waits for its end and throws the delegate's error.
  void finish(PluginProcess process, Verb verb) const;
  // DEL, CHECK, GC or STATUS from start to end.
  void run(Verb verb, const NetConf& conf) const;

 private:
  std::string executable_;
};

}  // namespace linnet::cni
