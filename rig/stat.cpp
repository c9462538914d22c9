#include "rig/stat.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "netlink/netns.h"
#include "rig/wording.h"

namespace linnet::rig {

namespace {

using cni::Json;

constexpr std::size_t kLongestText = 1 << 20;

AttachmentStat read_attachment(const cni::CachedAttachment& attachment,
                               const netlink::Netns& home) {
  AttachmentStat stat;
  stat.network = attachment.network;
  stat.container_id = attachment.container_id;
  stat.ifname = attachment.ifname;
  try {
    if (attachment.netns.empty()) {
      stat.problem = "no namespace is known";
      return stat;
    }
    const std::optional<netlink::Netns> netns = netlink::Netns::find(attachment.netns);
    if (!netns) {
      stat.problem = concat("no namespace at ", attachment.netns);
      return stat;
    }
    home.run_inside(*netns, [&] {
      stat.tcp = read_counters();
      const std::optional<LinkCounters> link = parse_link_counters(
          read_file("/proc/thread-self/net/dev", kLongestText), attachment.ifname);
      stat.problem = link ? "" : concat("no interface ", attachment.ifname);
      stat.link = link.value_or(LinkCounters{});
    });
  } catch (const std::exception& error) {
    stat.problem = error.what();
  }
  stat.when = std::chrono::steady_clock::now();
  return stat;
}

// One attachment over one stretch of time.
struct Rates {
  double seconds = 0;
  double sent_bits = 0;
  double received_bits = 0;
  double segments = 0;
  double retransmits = 0;
  double reordering = 0;  // times that a sender saw it
  double out_of_order = 0;
  double link_drops = 0;
  double listen_drops = 0;
};

std::int64_t reordering_of(const Counters& tcp) {
  return count_of(tcp, "TcpExtTCPSACKReorder") + count_of(tcp, "TcpExtTCPTSReorder");
}

std::int64_t listen_drops_of(const Counters& tcp) {
  return count_of(tcp, "TcpExtListenDrops") + count_of(tcp, "TcpExtTCPBacklogDrop");
}

const AttachmentStat* find(const NodeStat& node, const AttachmentStat& like) {
  const auto found = std::ranges::find_if(node.attachments, [&](const AttachmentStat& one) {
    return one.network == like.network && one.container_id == like.container_id &&
           one.ifname == like.ifname && one.problem.empty();
  });
  return found == node.attachments.end() ? nullptr : &*found;
}

std::optional<Rates> rates_of(const NodeStat& before, const AttachmentStat& now) {
  const AttachmentStat* const then = find(before, now);
  if (then == nullptr || !now.problem.empty()) {
    return std::nullopt;
  }
  Rates rates;
  rates.seconds = std::chrono::duration<double>(now.when - then->when).count();
  const auto per_second = [&](std::int64_t after, std::int64_t earlier) {
    // A namespace that was made anew at the same path counts from 0.
    return static_cast<double>(std::max<std::int64_t>(after - earlier, 0)) /
           std::max(rates.seconds, 1e-9);
  };
  const auto tcp = [&](const char* name) {
    return per_second(count_of(now.tcp, name), count_of(then->tcp, name));
  };
  rates.sent_bits = 8 * per_second(now.link.sent_bytes, then->link.sent_bytes);
  rates.received_bits = 8 * per_second(now.link.received_bytes, then->link.received_bytes);
  rates.segments = tcp("TcpOutSegs");
  rates.retransmits = tcp("TcpRetransSegs");
  rates.reordering = per_second(reordering_of(now.tcp), reordering_of(then->tcp));
  rates.out_of_order = tcp("TcpExtTCPOFOQueue");
  rates.link_drops = per_second(now.link.receive_drops + now.link.send_drops,
                                then->link.receive_drops + then->link.send_drops);
  rates.listen_drops = per_second(listen_drops_of(now.tcp), listen_drops_of(then->tcp));
  return rates;
}

double percent_sent_again(const Rates& rates) {
  return rates.segments > 0 ? 100 * rates.retransmits / rates.segments : 0;
}

// A value of a label: backslash, quote and line feed escaped.
std::string label_value(const std::string& text) {
  std::string out;
  for (const char each : text) {
    out += each == '\\'   ? "\\\\"
           : each == '"'  ? "\\\""
           : each == '\n' ? "\\n"
                          : std::string(1, each);
  }
  return out;
}

std::string shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 1) + "~";
}

struct Metric {
  const char* name;
  const char* help;
  std::int64_t (*value)(const AttachmentStat&);
};

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> kMetrics = {
      {"sent_bytes_total", "Bytes that the interface sent.",
       [](const AttachmentStat& one) { return one.link.sent_bytes; }},
      {"received_bytes_total", "Bytes that the interface received.",
       [](const AttachmentStat& one) { return one.link.received_bytes; }},
      {"send_drops_total", "Packets to be sent that the interface dropped.",
       [](const AttachmentStat& one) { return one.link.send_drops; }},
      {"receive_drops_total", "Received packets that the interface dropped.",
       [](const AttachmentStat& one) { return one.link.receive_drops; }},
      {"tcp_segments_total", "TCP segments sent in the namespace.",
       [](const AttachmentStat& one) { return count_of(one.tcp, "TcpOutSegs"); }},
      {"tcp_retransmits_total", "TCP segments sent again in the namespace.",
       [](const AttachmentStat& one) { return count_of(one.tcp, "TcpRetransSegs"); }},
      {"tcp_reordering_total", "Times that a TCP sender in the namespace saw reordering.",
       [](const AttachmentStat& one) { return reordering_of(one.tcp); }},
      {"tcp_out_of_order_total", "TCP segments that came too early and were queued.",
       [](const AttachmentStat& one) { return count_of(one.tcp, "TcpExtTCPOFOQueue"); }},
      {"tcp_listen_drops_total", "Connections and segments that a full queue dropped.",
       [](const AttachmentStat& one) { return listen_drops_of(one.tcp); }},
  };
  return kMetrics;
}

}  // namespace

NodeStat read_node(const cni::ResultCache& cache) {
  cni::ResultCache::Listing listing = cache.list();
  NodeStat node;
  node.problems = std::move(listing.problems);
  const netlink::Netns home = netlink::Netns::current();
  for (const cni::CachedAttachment& attachment : listing.attachments) {
    node.attachments.push_back(read_attachment(attachment, home));
  }
  return node;
}

std::string as_table(const NodeStat& before, const NodeStat& now) {
  std::string out = concat(padded_behind("network", 16), padded_behind("container", 16),
                           padded_behind("ifname", 8),
                           " sent Mbit/s  recv Mbit/s  segs/s  retrans/s  retrans %  reord/s"
                           "  ooo/s  drops/s  listen drops/s\n");
  for (const AttachmentStat& one : now.attachments) {
    out += padded_behind(shortened(one.network, 15), 16) +
           padded_behind(shortened(one.container_id, 15), 16) +
           padded_behind(shortened(one.ifname, 8), 8);
    const std::optional<Rates> rates = rates_of(before, one);
    if (!rates) {
      out += concat("  ", one.problem.empty() ? "new" : one.problem, "\n");
      continue;
    }
    out += padded(fixed(rates->sent_bits / 1e6, 2), 12) +
           padded(fixed(rates->received_bits / 1e6, 2), 13) + padded(fixed(rates->segments, 0), 8) +
           padded(fixed(rates->retransmits, 1), 11) +
           padded(fixed(percent_sent_again(*rates), 2), 11) +
           padded(fixed(rates->reordering, 1), 9) + padded(fixed(rates->out_of_order, 1), 7) +
           padded(fixed(rates->link_drops, 1), 9) + padded(fixed(rates->listen_drops, 1), 16) +
           "\n";
  }
  if (now.attachments.empty()) {
    out += "no attachment is cached on this node\n";
  }
  for (const std::string& problem : now.problems) {
    out += concat("note: ", problem, "\n");
  }
  return out;
}

Json as_json(const NodeStat& before, const NodeStat& now) {
  Json attachments = Json::array();
  for (const AttachmentStat& one : now.attachments) {
    Json json = {
        {"network", one.network}, {"containerID", one.container_id}, {"ifname", one.ifname}};
    if (!one.problem.empty()) {
      json["problem"] = one.problem;
    } else {
      for (const Metric& metric : metrics()) {
        json["counters"][metric.name] = metric.value(one);
      }
    }
    if (const std::optional<Rates> rates = rates_of(before, one)) {
      json["rates"] = {{"seconds", rates->seconds},
                       {"sent_bits", rates->sent_bits},
                       {"received_bits", rates->received_bits},
                       {"tcp_segments", rates->segments},
                       {"tcp_retransmits", rates->retransmits},
                       {"tcp_retransmits_percent", percent_sent_again(*rates)},
                       {"tcp_reordering", rates->reordering},
                       {"tcp_out_of_order", rates->out_of_order},
                       {"link_drops", rates->link_drops},
                       {"listen_drops", rates->listen_drops}};
    }
    attachments.push_back(std::move(json));
  }
  return {{"format", "linnet-rig-stat-1"},
          {"attachments", std::move(attachments)},
          {"problems", now.problems}};
}

std::string as_prometheus(const NodeStat& now) {
  std::string out;
  for (const Metric& metric : metrics()) {
    const std::string name = concat("linnet_attachment_", metric.name);
    out += concat("# HELP ", name, " ", metric.help, "\n# TYPE ", name, " counter\n");
    for (const AttachmentStat& one : now.attachments) {
      if (one.problem.empty()) {
        out += concat(name, "{network=\"", label_value(one.network), "\",container=\"",
                      label_value(one.container_id), "\",ifname=\"", label_value(one.ifname),
                      "\"} ", metric.value(one), "\n");
      }
    }
  }
  return out;
}

}  // namespace linnet::rig
