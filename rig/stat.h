// What TCP does in the containers of this node: read within each cached attachment's namespace.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "libcni/cache.h"
#include "rig/counters.h"

namespace linnet::rig {

struct AttachmentStat {
  std::string network;
  std::string container_id;
  std::string ifname;
  std::string problem;  // why nothing was read; empty: it was
  std::chrono::steady_clock::time_point when;
  Counters tcp;       // of the whole namespace
  LinkCounters link;  // of the interface
};

// Of every attachment in the cache, in its order. What cannot be read is a problem of that attachment, or one more
// line in `problems`. Throws SystemError when the cache cannot be read.
struct NodeStat {
  std::vector<AttachmentStat> attachments;
  std::vector<std::string> problems;
};
[[nodiscard]] NodeStat read_node(const cni::ResultCache& cache);

// What happened in between: rates a second, in comparison with `before`, in which attachments may be missing.
[[nodiscard]] std::string as_table(const NodeStat& before, const NodeStat& now);
[[nodiscard]] cni::Json as_json(const NodeStat& before, const NodeStat& now);
// Everything counted so far, in the text format of Prometheus for a textfile collector.
// Source: prometheus.io, "Text-based format".
[[nodiscard]] std::string as_prometheus(const NodeStat& now);

}  // namespace linnet::rig
