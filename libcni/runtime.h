// What a container runtime does with networks: the verbs over a configuration list, with chaining,
// capabilities and the result cache.
// Source: CNI specification 1.1.0, section 3; cache and versions as the reference library has them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libcni/cache.h"
#include "libcni/network_list.h"
#include "libcni/request.h"
#include "libcni/result.h"

namespace linnet::cni {

struct RuntimeConf {
  std::string container_id = {};
  std::string netns = {};  // path; may be empty for DEL
  std::string ifname = {};
  std::vector<std::pair<std::string, std::string>> args = {};  // CNI_ARGS, in this order
  // Capability to value. A plugin gets those it declares, as its "runtimeConfig".
  Json capability_args = Json::object();
};

// What becomes of the plugins that ran when a later one of an ADD fails. The specification wants a
// DEL; callers that send it themselves leave it to them.
enum class FailedAdd { kLeaveToCaller, kDelete };

struct RuntimeOptions {
  std::vector<std::string> plugin_path = {};
  std::string cache_folder = "/var/lib/cni";
  std::optional<std::chrono::milliseconds> timeout = {};  // of one plugin; none: waits for ever
  FailedAdd failed_add = FailedAdd::kDelete;
};

struct Validation {
  std::vector<std::string> problems = {};      // one sentence each; empty: nothing is wrong
  std::vector<std::string> capabilities = {};  // that any plugin declares, sorted
};

// Holds no state of its own but its options: const, so that several threads may use one. It does
// not serialise operations; the specification has the caller do that for one container, and GC
// against ADD and DEL of its network.
//
// Every verb first validates network name, container id and interface name (the reference does so
// for ADD only, and makes a path of them for every verb): Error(kInvalidNetworkConfig,
// kUnknownContainer for an empty id, kInvalidEnvironment). The error of a plugin keeps its code and
// details; its message follows `plugin type="…" failed (add): `. What else goes wrong is a
// SystemError or an Error. What a successful plugin says on stderr, and what DEL tolerates, is
// written to this process's stderr (base/log.h).
class Runtime {
 public:
  explicit Runtime(RuntimeOptions options);

  // Runs the plugins in order, each with the result of the one before, and saves the last result in
  // the cache. On error nothing is saved, and what ran is deleted or left as the options say; a
  // deletion that goes wrong as well is told in the details.
  [[nodiscard]] Result add(const NetworkList& list, const RuntimeConf& conf) const;

  // Runs all plugins in reverse order, whatever one of them says (the reference stops at the first
  // error, and what the rest holds is leaked until a later DEL). They get the cached result if
  // `list` is of 0.4.0 or newer; a cache entry that cannot be read is as good as none. Throws the
  // one error, or one that joins all. The cache entry goes when no plugin failed.
  void del(const NetworkList& list, const RuntimeConf& conf) const;

  // Runs all plugins in order with the cached result, up to the first error. Nothing to do if the
  // list says "disableCheck". Error(kIncompatibleVersion) for a list older than 0.4.0;
  // Error(kUnknownContainer) without a cached result.
  void check(const NetworkList& list, const RuntimeConf& conf) const;

  // First DEL for every cached attachment of this network that is not in `valid`, with the
  // arguments of its ADD, then, for a list of 1.1.0 or newer, GC of every plugin. Goes on after
  // errors and throws all. Nothing to do if the list says "disableGC".
  void gc(const NetworkList& list, const std::vector<AttachmentKey>& valid) const;

  // Runs the plugins in order up to the first that is not ready. Nothing to do before 1.1.0.
  void status(const NetworkList& list) const;

  // The result that ADD saved, absent when there is none; as errors of ResultCache::find.
  [[nodiscard]] std::optional<Result> cached_result(const NetworkList& list,
                                                    const RuntimeConf& conf) const;
  // What ADD was called with.
  [[nodiscard]] std::optional<CachedAttachment> cached_config(const NetworkList& list,
                                                              const RuntimeConf& conf) const;
  // Every cached attachment, or those of one container.
  [[nodiscard]] ResultCache::Listing list_attachments(std::string_view container_id = "") const;

  // Whether every plugin is there and speaks the list's version. All problems, not just the first.
  [[nodiscard]] Validation validate(const NetworkList& list) const;

  // The versions that a plugin speaks. One that does not know VERSION speaks 0.1.0.
  [[nodiscard]] std::vector<std::string> version_info(std::string_view type) const;

 private:
  // One execution; its standard output.
  std::string execute(std::string_view type, Verb verb, const RuntimeConf& conf,
                      const std::string& configuration) const;
  Result add_all(const NetworkList& list, const RuntimeConf& conf) const;
  // `prev_result`: JSON text, empty when there is none.
  void delete_all(const NetworkList& list, const RuntimeConf& conf,
                  const std::string& prev_result) const;

  RuntimeOptions options_;
  ResultCache cache_;
};

}  // namespace linnet::cni
