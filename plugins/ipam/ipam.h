// How interface plugins ask the IPAM plugin of their configuration.
// Source: CNI specification 1.1.0, section 4 "Plugin Delegation".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libcni/exec.h"
#include "libcni/request.h"
#include "libcni/result.h"
#include "plugins/ipam/collection.h"

namespace linnet::ipam {

// The verbs of an IPAM plugin that is linked into this executable; null for one that has nothing to do.
// Contracts as in the specification.
struct LinkedPlugin {
  std::string_view type;
  cni::Result (*add)(const cni::Request&, const cni::NetConf&);
  void (*del)(const cni::Request&, const cni::NetConf&);
  void (*check)(const cni::Request&, const cni::NetConf&);
  Collection (*begin_gc)(const cni::Request&, const cni::NetConf&);
  void (*status)(const cni::Request&, const cni::NetConf&);
};

class Call;

// The executable of that name along CNI_PATH. Where it is one of this very build (has_build_note()) its
// code runs in this process, which saves an execve(2) and a process; any other is executed.
class Plugin {
 public:
  // Throws as cni::find_plugin.
  Plugin(std::string_view type, const cni::Request& request);

  // Loads an executable meanwhile; it does nothing before it is asked. Throws SystemError.
  [[nodiscard]] Call start(cni::Verb verb) const;

  // DEL, CHECK, GC or STATUS from start to end. Throws the plugin's error.
  void run(cni::Verb verb, const cni::NetConf& conf) const;

 private:
  friend class Call;
  std::string type_;
  cni::Request request_;
  const LinkedPlugin* linked_ = nullptr;
  std::optional<cni::Delegate> delegate_;
};

// Absent for a configuration without IPAM.
[[nodiscard]] std::optional<Plugin> plugin_of(const cni::NetConf& conf,
                                              const cni::Request& request);

// One execution of a verb. Destroyed before ask() it has done nothing.
class Call {
 public:
  // From here on the plugin may act: whoever asks for an ADD must be ready to send a DEL. An executable
  // works while its caller goes on.
  void ask(const cni::NetConf& conf);

  // For a GC that removes interfaces before it asks: from here to finish() nobody else gets or frees a lease, so that
  // an ADD under way has its address before both or behind both. Only where the plugin is linked. Throws its error.
  void hold(const cni::NetConf& conf);

  // Behind hold(): whose leases finish() frees, while their namespaces are alive; none where nothing is held. Throws the
  // plugin's error.
  [[nodiscard]] std::vector<LeaseHolder> holders();
  // Behind hold(): finish() leaves the leases of that attachment.
  void keep(const cni::AttachmentKey& attachment);

  // The result of an ADD, as it comes over the wire in the configuration's version. Throws the plugin's
  // error, cni::Error(kDecodingFailure) for a result that cannot be read, and
  // cni::Error(kInvalidNetworkConfig) for one without an address.
  [[nodiscard]] cni::Result result(const cni::NetConf& conf);

  // The end of another verb. Throws the plugin's error.
  void finish(const cni::NetConf& conf);

 private:
  friend class Plugin;
  Call(const Plugin& plugin, cni::Verb verb);

  Plugin plugin_;
  cni::Verb verb_;
  std::optional<cni::PluginProcess> process_;
  std::optional<Collection> held_;
  std::vector<cni::AttachmentKey> kept_;
};

}  // namespace linnet::ipam
