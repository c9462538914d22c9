#include "rig/commands.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "rig/run.h"
#include "rig/steering_matrix.h"

namespace linnet::rig {

namespace {

std::vector<Suite> suites_of(const std::vector<std::string>& folders) {
  std::vector<Suite> suites;
  suites.reserve(folders.size());
  for (const std::string& folder : folders) {
    suites.push_back({folders.size() > 1 ? folder : "", split(folder, ':')});
  }
  return suites;
}

CLI::Option* add_plugin_path(CLI::App& command, std::vector<std::string>& folders) {
  folders = {own_folder()};
  return command
      .add_option("--cni-path", folders,
                  "folders of plugins, ':' between them; given twice: two suites side by side")
      ->capture_default_str();
}

struct RunArguments {
  RunOptions options;
  std::vector<std::string> folders;
  std::vector<std::string> lists;
  std::vector<std::string> only;
  std::string json;
  std::string csv;
  bool quick = false;
  double scale = 1;
};

void run(const RunArguments& arguments) {
  RunOptions options =
      scaled(arguments.quick ? quick(arguments.options) : arguments.options, arguments.scale);
  options.suites = suites_of(arguments.folders);
  if (!arguments.only.empty()) {
    std::erase_if(options.topologies, [&](const Topology& topology) {
      return std::ranges::find(arguments.only, topology.name) == arguments.only.end();
    });
  }
  for (const std::string& list : arguments.lists) {
    options.topologies.push_back(topology_of_file(list));
  }
  const RunReport report = measure_datapaths(options, show_progress);
  print(as_table(report));
  if (!arguments.json.empty()) {
    write_file_atomically(arguments.json, to_json(report).dump() + "\n", 0644);
  }
  if (!arguments.csv.empty()) {
    write_file_atomically(arguments.csv, as_csv(report), 0644);
  }
}

}  // namespace

std::string own_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

void print(const std::string& text) { write_all(STDOUT_FILENO, text, "stdout"); }

void show_progress(const std::string& step) { log_info(step); }

void add_run(CLI::App& app) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* const command = app.add_subcommand(
      "run", "what bridge, ptp, macvlan and ipvlan cost: rates, latencies, retransmits");
  command->add_flag("--quick", arguments->quick, "shorter, with wider intervals: half a minute");
  command
      ->add_option("--scale", arguments->scale, "of all times and counts: 4 halves the intervals")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  add_plugin_path(*command, arguments->folders);
  std::vector<std::string> names;
  for (const Topology& topology : built_in_topologies()) {
    names.push_back(topology.name);
  }
  command->add_option("--topology", arguments->only, "only this one; given again: and that one")
      ->check(CLI::IsMember(names));
  command->add_option("--conf", arguments->lists, "a network list to measure as well");
  command->add_flag("--migrate", arguments->options.migrate,
                    "also bulk data whose senders are moved between CPUs");
  command->add_flag("--witness", arguments->options.witnesses,
                    "also netperf and iperf3, where they are installed, in turns with netrig");
  command->add_option("--json", arguments->json, "a file for everything that was measured");
  command->add_option("--csv", arguments->csv, "a file for a line a row");
  command->add_option("--seed", arguments->options.seed, "of order and intervals")
      ->capture_default_str();
  command->callback([arguments] { run(*arguments); });
}

void add_selftest(CLI::App& app) {
  struct Arguments {
    SelftestOptions options;
    std::vector<std::string> folders;
    bool json = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const command = app.add_subcommand(
      "selftest", "pairs that are the same: how small a difference netrig run resolves here");
  add_plugin_path(*command, arguments->folders)->expected(1);
  command->add_option("--pairs", arguments->options.pairs)
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_option("--cycles", arguments->options.cycles, "of each of a pair's rounds")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  command->add_option("--seed", arguments->options.seed, "of order and intervals")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "JSON instead of the text");
  command->callback([arguments] {
    arguments->options.suites = suites_of(arguments->folders);
    const SelftestReport report = measure_nothing(arguments->options, show_progress);
    print(arguments->json ? to_json(report).dump(2) + "\n" : as_table(report));
  });
}

void add_steering(CLI::App& app) {
  struct Arguments {
    SteeringOptions options;
    std::string plugin_path = own_folder();
    int bulk_ms = 2000;
    bool json = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  SteeringOptions& options = arguments->options;
  CLI::App* const command = app.add_subcommand(
      "steering",
      "receive steering of a container's pair: retransmits of a sender that moves between "
      "CPUs, and the request rate");
  command->add_option("--cni-path", arguments->plugin_path, "folders of plugins, ':' between them")
      ->capture_default_str();
  command
      ->add_option("--flow-table", options.flow_table,
                   "net.core.rps_sock_flow_entries for the run where it is 0; put back afterwards")
      ->capture_default_str();
  command->add_option("--rounds", options.bulk_rounds, "of bulk data a setting")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--milliseconds", arguments->bulk_ms, "of a round")
      ->check(CLI::Range(50, 600000))
      ->capture_default_str();
  command->add_option("--cycles", options.cycles, "of round trips")
      ->check(CLI::Range(10, 1000000))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "of order and intervals")->capture_default_str();
  command->add_flag("--json", arguments->json, "JSON with every measurement, instead of the table");
  command->callback([arguments] {
    arguments->options.plugin_path = split(arguments->plugin_path, ':');
    arguments->options.bulk_duration = std::chrono::milliseconds(arguments->bulk_ms);
    const SteeringReport report = measure_steering(arguments->options, show_progress);
    print(arguments->json ? as_json(report).dump(2) + "\n" : as_table(report));
  });
}

}  // namespace linnet::rig
