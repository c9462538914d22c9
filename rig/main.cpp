// netrig: what the datapaths of containers cost, and what steering buys.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "rig/steering_matrix.h"

namespace linnet::rig {
namespace {

struct Options {
  SteeringOptions steering;
  std::string plugin_path;
  int bulk_ms = 2000;
  bool json = false;
};

int main_of(int argc, char** argv) {
  Options options;
  options.plugin_path = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  CLI::App app("Measures what container networks cost, in namespaces of its own.", "netrig");
  app.require_subcommand(1);
  CLI::App* const steering = app.add_subcommand(
      "steering",
      "receive steering of a container's pair: retransmits of a sender that moves between "
      "CPUs, and the request rate");
  steering->add_option("--cni-path", options.plugin_path, "folders of plugins, ':' between them")
      ->capture_default_str();
  steering
      ->add_option("--flow-table", options.steering.flow_table,
                   "net.core.rps_sock_flow_entries for the run where it is 0; put back afterwards")
      ->capture_default_str();
  steering->add_option("--rounds", options.steering.bulk_rounds, "of bulk data a setting")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  steering->add_option("--milliseconds", options.bulk_ms, "of a round")
      ->check(CLI::Range(50, 600000))
      ->capture_default_str();
  steering->add_option("--cycles", options.steering.cycles, "of round trips")
      ->check(CLI::Range(10, 1000000))
      ->capture_default_str();
  steering->add_option("--seed", options.steering.seed, "of order and intervals")
      ->capture_default_str();
  steering->add_flag("--json", options.json, "JSON with every measurement, instead of the table");
  CLI11_PARSE(app, argc, argv);
  set_log_name("netrig");
  options.steering.plugin_path = split(options.plugin_path, ':');
  options.steering.bulk_duration = std::chrono::milliseconds(options.bulk_ms);
  try {
    const SteeringReport report =
        measure_steering(options.steering, [](const std::string& step) { log_info(step); });
    const std::string text = options.json ? as_json(report).dump(2) + "\n" : as_table(report);
    std::fputs(text.c_str(), stdout);
    return 0;
  } catch (const std::exception& error) {
    log_warning(error.what());
    return 1;
  }
}

}  // namespace
}  // namespace linnet::rig

int main(int argc, char** argv) { return linnet::rig::main_of(argc, argv); }
