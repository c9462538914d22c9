#include "rig/steering_matrix.h"

#include "base/text.h"
#include "netlink/steering.h"
#include "netlink/sysctl.h"
#include "rig/closed_loops.h"
#include "rig/flow_table.h"
#include "rig/namespaces.h"

namespace linnet::rig {

namespace {

// As the plugins set them: "rps" of bridge and ptp. "off again" shows what the rig itself cannot tell apart.
struct Setting {
  std::string name;
  bool spread = false;
  std::uint32_t flow_count = 0;
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> kSettings = {{"off", false, 0},
                                                 {"off again", false, 0},
                                                 {"all", true, 0},
                                                 {"follow", true, 4096},
                                                 {"auto", false, 4096}};
  return kSettings;
}

constexpr const char* kOutside = "outside";

cni::NetworkList bridge_network() {
  return cni::parse_network_list(R"({
    "cniVersion": "1.1.0", "name": "rig",
    "plugins": [{
      "type": "bridge", "bridge": "rig0", "isGateway": true, "ipMasq": true, "rps": "off",
      "ipam": {"type": "host-local", "subnet": "10.64.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}
    }]})",
                                 "the rig's own network");
}

Host make_host(const SteeringOptions& options) {
  enter_private_namespaces();
  return Host({.plugin_path = options.plugin_path});
}

void steer(const std::string& link_name, const Setting& setting) {
  netlink::RouteSocket socket;
  const netlink::Sysfs sysfs(link_name, socket.get_link(link_name).index);
  sysfs.set_steering(
      link_name, {setting.spread ? sysfs.available_cpus() : netlink::CpuSet{}, setting.flow_count});
}

class Measurement {
 public:
  Measurement(const SteeringOptions& options, std::function<void(const std::string&)> progress)
      : options_(options),
        progress_(std::move(progress)),
        table_(options.flow_table),
        host_(make_host(options)),
        random_(options.seed) {}

  SteeringReport run() {
    SteeringReport report{
        .options = options_,
        .flow_table = table_.entries(),
        .flow_table_is_temporary = table_.is_temporary(),
        .congestion_control = netlink::find_sysctl("net/ipv4/tcp_congestion_control").value_or("?"),
        .cpu = allowed_cpus().front(),
        .cpus = allowed_cpus().size(),
        .paths = {},
        .cpu_time = {}};
    const CpuTime before = read_cpu_time();
    build(report);
    send_bulks(report);
    exchange_bytes(report);
    report.cpu_time = read_cpu_time() - before;
    return report;
  }

 private:
  void build(SteeringReport& report) {
    progress_("attaching containers");
    const cni::NetworkList network = bridge_network();
    host_.make_outside(kOutside);
    report.paths = {{"container to container", {}}, {"container to outside", {}}};
    paths_.resize(report.paths.size());
    for (const Setting& setting : settings()) {
      const std::string client = concat("client", paths_[0].size());
      const std::string server = concat("server", paths_[0].size());
      (void)host_.attach(client, network);
      const IpAddress address = host_.attach(server, network);
      for (const std::string& container : {client, server}) {
        steer(host_.host_link(container), setting);
      }
      paths_[0].push_back({client, server, address});
      paths_[1].push_back({client, kOutside, IpAddress::parse(kOutsideAddress).value()});
      for (SteeringPath& path : report.paths) {
        path.rows.push_back({setting.name, {}, {}, {1, {1, 1}}});
      }
    }
  }

  void send_bulks(SteeringReport& report) {
    for (int round = 0; round < options_.bulk_rounds; ++round) {
      progress_(concat("bulk data, round ", round + 1, " of ", options_.bulk_rounds));
      for (std::size_t path = 0; path < paths_.size(); ++path) {
        for (const std::size_t i : shuffled(paths_[path].size(), random_)) {
          report.paths[path].rows[i].bulks.push_back(
              send_bulk(host_, paths_[path][i], {.duration = options_.bulk_duration}));
        }
      }
    }
  }

  void exchange_bytes(SteeringReport& report) {
    progress_(concat("round trips, ", options_.cycles, " cycles"));
    pin_to(report.cpu);
    std::vector<Contestant> contestants;
    for (const std::vector<Path>& paths : paths_) {
      for (const Path& path : paths) {
        contestants.push_back({&host_, &path});
      }
    }
    std::vector<ClosedLoopResult> results = take_turns(contestants,
                                                       {.placement = {report.cpu, report.cpu},
                                                        .rounds = 1,
                                                        .cycles = options_.cycles,
                                                        .transactions = options_.round_trips,
                                                        .connections = options_.connections},
                                                       random_);
    std::size_t next = 0;
    for (SteeringPath& path : report.paths) {
      for (SteeringRow& row : path.rows) {
        row.round_trip_us = std::move(results[next++].samples.front());
      }
    }
    for (SteeringPath& path : report.paths) {
      for (std::size_t i = 1; i < path.rows.size(); ++i) {
        path.rows[i].rate_to_off = bootstrap_median(
            paired_ratios(path.rows[i].round_trip_us, path.rows[0].round_trip_us), options_.seed);
      }
    }
  }

  SteeringOptions options_;
  std::function<void(const std::string&)> progress_;
  FlowTable table_;  // before the host: it needs the namespace that the process was started in
  Host host_;
  Random random_;
  std::vector<std::vector<Path>> paths_;  // by path, then by setting
};

}  // namespace

SteeringReport measure_steering(const SteeringOptions& options,
                                const std::function<void(const std::string&)>& progress) {
  return Measurement(options, progress).run();
}

}  // namespace linnet::rig
