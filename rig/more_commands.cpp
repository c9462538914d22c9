#include <unistd.h>

#include <memory>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "rig/commands.h"
#include "rig/compare.h"
#include "rig/page.h"
#include "rig/setup/bench.h"
#include "rig/setup/scenario.h"
#include "rig/stat.h"

namespace linnet::rig {

namespace {

constexpr std::size_t kLongestReport = 256 << 20;

RunReport read_run_report(const std::string& path) {
  return parse_run_report(read_file(path, kLongestReport), path);
}

struct StatArguments {
  std::string cache = "/var/lib/cni";
  std::string prometheus;
  double seconds = 1;
  bool watch = false;
  bool json = false;
};

void show(const StatArguments& arguments, const NodeStat& before, const NodeStat& now) {
  if (!arguments.prometheus.empty()) {
    write_file_atomically(arguments.prometheus, as_prometheus(now), 0644);
  } else if (arguments.json) {
    print(as_json(before, now).dump() + "\n");
  } else {
    // A screen shows the newest table at its top.
    print((arguments.watch && ::isatty(STDOUT_FILENO) == 1 ? "\033[H\033[2J" : "") +
          as_table(before, now));
  }
}

void stat(const StatArguments& arguments) {
  const cni::ResultCache cache(arguments.cache);
  NodeStat before = read_node(cache);
  if (!arguments.prometheus.empty() && !arguments.watch) {
    // Counters need no second look.
    show(arguments, before, before);
    return;
  }
  do {
    std::this_thread::sleep_for(std::chrono::duration<double>(arguments.seconds));
    NodeStat now = read_node(cache);
    show(arguments, before, now);
    before = std::move(now);
  } while (arguments.watch);
}

}  // namespace

void add_compare(CLI::App& app) {
  struct Arguments {
    std::string before;
    std::string after;
    bool json = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const command =
      app.add_subcommand("compare", "what changed between two files of netrig run --json");
  command->add_option("before", arguments->before)->required();
  command->add_option("after", arguments->after)->required();
  command->add_flag("--json", arguments->json, "JSON instead of the table");
  command->callback([arguments] {
    const RunReport before = read_run_report(arguments->before);
    const Comparison comparison = compare(before, read_run_report(arguments->after));
    print(arguments->json ? to_json(comparison).dump(2) + "\n" : as_table(comparison));
  });
}

void add_report(CLI::App& app) {
  struct Arguments {
    std::string run;
    std::string steering;
    std::string output;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const command =
      app.add_subcommand("report", "one HTML page with charts of a file of netrig run --json");
  command->add_option("file", arguments->run)->required();
  command->add_option("--steering", arguments->steering,
                      "a file of netrig steering --json, for its chart");
  command->add_option("-o,--output", arguments->output, "a file instead of stdout");
  command->callback([arguments] {
    const cni::Json steering =
        arguments->steering.empty()
            ? cni::Json()
            : cni::parse_json(read_file(arguments->steering, kLongestReport), arguments->steering);
    const std::string page = as_page(read_run_report(arguments->run), steering);
    if (arguments->output.empty()) {
      print(page);
    } else {
      write_file_atomically(arguments->output, page, 0644);
    }
  });
}

void add_stat(CLI::App& app) {
  const auto arguments = std::make_shared<StatArguments>();
  CLI::App* const command = app.add_subcommand(
      "stat", "retransmits, reordering, drops and throughput of every attachment on this node");
  command->add_flag("--watch", arguments->watch, "again and again, until it is interrupted");
  command->add_option("--seconds", arguments->seconds, "that are looked at")
      ->check(CLI::Range(0.05, 86400.0))
      ->capture_default_str();
  command->add_option("--cache", arguments->cache, "folder of the runtime's cached results")
      ->capture_default_str();
  CLI::Option* const json =
      command->add_flag("--json", arguments->json, "a JSON object a time instead of the table");
  command
      ->add_option("--prometheus", arguments->prometheus,
                   "a file for a textfile collector instead, with counters")
      ->excludes(json);
  command->callback([arguments] { stat(*arguments); });
}

void add_setup(CLI::App& app) {
  struct Arguments {
    setup::SetupOptions options;
    std::string ours = own_folder();
    bool json = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  setup::SetupOptions& options = arguments->options;
  CLI::App* const command = app.add_subcommand(
      "setup", "what ADD and DEL cost, of the plugins in one folder or several in turns");
  command->add_option("folders", options.folders, "more folders of plugins to compare with");
  command->add_option("--ours", arguments->ours, "the first folder")->capture_default_str();
  command->add_option("--rounds", options.rounds, "executions a row and folder")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--attachments", options.attachments, "of the growth rows, 0 for none")
      ->check(CLI::Range(0, 60000))
      ->capture_default_str();
  command->add_option("--burst", options.burst, "ADDs at once, 0 for none")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  command->add_option("--scenario", options.only, "only this one")
      ->check(CLI::IsMember(setup::scenario_names()));
  command->add_flag("--json", arguments->json, "JSON with every measurement, instead of the table");
  command->callback([arguments] {
    arguments->options.own_folder = own_folder();
    arguments->options.folders.insert(arguments->options.folders.begin(), arguments->ours);
    const setup::Report report = setup::measure_setup(arguments->options);
    print(arguments->json ? setup::as_json(report).dump(2) + "\n" : setup::as_table(report));
  });
}

}  // namespace linnet::rig
