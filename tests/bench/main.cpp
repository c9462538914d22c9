// linnet-bench: the cost of ADD and DEL of several folders of plugins, taken in turns in one run.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "tests/bench/report.h"
#include "tests/bench/scenario.h"
#include "tests/bench/world.h"

namespace linnet::bench {
namespace {

struct Options {
  std::vector<std::string> folders;
  std::string own_folder;
  std::string only;
  int rounds = 40;
  int attachments = 1000;
  int burst = 30;
  int burst_rounds = 5;
  bool json = false;
};

struct Contender {
  std::string folder;
  World world;
  PairCost cost;
};

bool has_plugins(const Scenario& scenario, const std::string& folder) {
  const auto is_there = [&](const std::string& name) {
    return ::access(concat(folder, "/", name).c_str(), X_OK) == 0;
  };
  return is_there(scenario.plugin) && is_there("host-local");
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  Report run() {
    for (const Scenario& scenario : all_scenarios()) {
      if (options_.only.empty() || options_.only == scenario.name) {
        log_info(scenario.name);
        measure(scenario);
      }
    }
    if (options_.only.empty() || options_.only == bare_scenario().name) {
      measure_bare();
    }
    return std::move(report_);
  }

 private:
  void measure(const Scenario& scenario) {
    const int containers = scenario.adds ? options_.attachments + std::max(options_.burst, 1) : 0;
    std::vector<Contender> contenders;
    for (const std::string& folder : options_.folders) {
      if (!has_plugins(scenario, folder)) {
        report_.notes.push_back(concat(scenario.name, ": not in ", folder));
        continue;
      }
      contenders.push_back({folder, World(scenario, folder, containers), {}});
    }
    if (!scenario.adds) {
      measure_version(scenario, contenders);
      return;
    }
    std::erase_if(contenders, [&](Contender& contender) { return !try_out(scenario, contender); });
    measure_pairs(scenario, contenders, 0);
    measure_burst(scenario, contenders);
    if (options_.attachments > 0) {
      std::erase_if(contenders, [&](Contender& contender) {
        return drop(!contender.world.grow(options_.attachments), scenario, contender,
                    "an ADD failed while attachments were added");
      });
      measure_pairs(scenario, contenders, options_.attachments);
    }
  }

  void measure_bare() {
    const Scenario scenario = bare_scenario();
    log_info(scenario.name);
    World world(scenario, options_.own_folder, options_.attachments + 1);
    (void)world.bare_pair();
    measure_bare_pairs(world, 0);
    if (options_.attachments > 0 && world.grow(options_.attachments)) {
      measure_bare_pairs(world, options_.attachments);
    }
    report_.notes.push_back(
        "bare is a program of ours that sends the kernel the requests of bridge ADD and DEL with "
        "masquerading and does nothing else: no configuration, checks, lease, result or undo");
  }

  void measure_bare_pairs(World& world, int attachments) {
    const std::string name = bare_scenario().name;
    Row add{name, "ADD", attachments, {{"veth, address, route, nft element", {}, {}}}};
    Row del{name, "DEL", attachments, {{"the same undone, RTM_DELLINK answered", {}, {}}}};
    Row kernel{"kernel",
               "RTM_DELLINK of the veth",
               attachments,
               {{"until announced", {}, {}}, {"until answered", {}, {}}}};
    for (int round = 0; round < options_.rounds; ++round) {
      if (const std::optional<BarePair> pair = world.bare_pair()) {
        add.columns[0].timings.push_back(pair->pair.add);
        del.columns[0].timings.push_back(pair->pair.del);
        kernel.columns[0].timings.push_back(pair->announced);
        kernel.columns[1].timings.push_back(pair->answered);
      }
    }
    if (const std::optional<PairCost> cost = world.traced_pair()) {
      add.columns[0].cost = cost->add;
      del.columns[0].cost = cost->del;
    }
    for (Row* const row : {&add, &del, &kernel}) {
      add_row(std::move(*row));
    }
  }

  bool drop(bool failed, const Scenario& scenario, const Contender& contender,
            std::string_view why) {
    if (failed) {
      report_.notes.push_back(concat(scenario.name, ", ", contender.folder, ": ", why));
    }
    return failed;
  }

  // The first pair of a world makes what the next ones find; it counts for nothing.
  bool try_out(const Scenario& scenario, Contender& contender) {
    const bool works = contender.world.pair().has_value();
    const std::optional<PairCost> cost = works ? contender.world.traced_pair() : std::nullopt;
    if (drop(!cost, scenario, contender, "ADD failed")) {
      return false;
    }
    if (cost->del.exit_code != 0) {
      report_.notes.push_back(concat(scenario.name, ", ", contender.folder, ": DEL failed"));
    }
    contender.cost = *cost;
    return !drop(scenario.backend == "nftables" && cost->add.iptables, scenario, contender,
                 "has no nftables back end, it executes iptables");
  }

  static std::vector<Column> columns_of(const std::vector<Contender>& contenders) {
    std::vector<Column> columns;
    for (const Contender& contender : contenders) {
      columns.push_back({contender.folder, {}, std::nullopt});
    }
    return columns;
  }

  // One execution of each contender a round; who begins changes from round to round.
  template <typename Measure>
  static void take_turns(std::vector<Contender>& contenders, int rounds, Measure&& measure) {
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        const std::size_t turn = (i + static_cast<std::size_t>(round)) % contenders.size();
        measure(turn, contenders[turn].world);
      }
    }
  }

  void add_row(Row row) {
    std::erase_if(row.columns, [](const Column& column) { return column.timings.empty(); });
    if (!row.columns.empty()) {
      report_.rows.push_back(std::move(row));
    }
  }

  void measure_version(const Scenario& scenario, std::vector<Contender>& contenders) {
    Row row{scenario.plugin, "VERSION", 0, columns_of(contenders)};
    take_turns(contenders, options_.rounds, [&](std::size_t i, World& world) {
      if (const std::optional<Timing> timing = world.version()) {
        row.columns[i].timings.push_back(*timing);
      }
    });
    add_row(std::move(row));
  }

  void measure_pairs(const Scenario& scenario, std::vector<Contender>& contenders,
                     int attachments) {
    Row add{scenario.name, "ADD", attachments, columns_of(contenders)};
    Row del{scenario.name, "DEL", attachments, columns_of(contenders)};
    take_turns(contenders, options_.rounds, [&](std::size_t i, World& world) {
      if (const std::optional<Pair> pair = world.pair()) {
        add.columns[i].timings.push_back(pair->add);
        if (pair->del.exit_code == 0) {
          del.columns[i].timings.push_back(pair->del);
        }
      }
    });
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::optional<PairCost> cost =
          attachments == 0 ? contenders[i].cost : contenders[i].world.traced_pair();
      if (cost) {
        add.columns[i].cost = cost->add;
        del.columns[i].cost = cost->del;
      }
    }
    add_row(std::move(add));
    add_row(std::move(del));
  }

  void measure_burst(const Scenario& scenario, std::vector<Contender>& contenders) {
    if (options_.burst < 2) {
      return;
    }
    Row row{scenario.name, concat(options_.burst, " ADDs at once (wall of all)"), 0,
            columns_of(contenders)};
    take_turns(contenders, options_.burst_rounds, [&](std::size_t i, World& world) {
      if (const std::optional<Timing> timing = world.burst(options_.burst)) {
        row.columns[i].timings.push_back(*timing);
      }
    });
    add_row(std::move(row));
  }

  Options options_;
  Report report_;
};

int main_of(int argc, char** argv) {
  Options options;
  options.own_folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  std::string ours = options.own_folder;
  CLI::App app("Compares the cost of the plugins in several folders, the first being linnet's.");
  app.add_option("folders", options.folders, "more folders of plugins to compare with");
  app.add_option("--ours", ours, "the first folder")->capture_default_str();
  app.add_option("--rounds", options.rounds, "executions a row and folder")->capture_default_str();
  app.add_option("--attachments", options.attachments, "of the growth rows, 0 for none")
      ->capture_default_str();
  app.add_option("--burst", options.burst, "ADDs at once, 0 for none")->capture_default_str();
  app.add_option("--scenario", options.only, "only this one");
  app.add_flag("--json", options.json, "JSON with every measurement, instead of the table");
  CLI11_PARSE(app, argc, argv);
  options.folders.insert(options.folders.begin(), ours);
  set_log_name("linnet-bench");
  try {
    const Report report = Bench(options).run();
    const std::string text = options.json ? as_json(report).dump(2) + "\n" : as_table(report);
    std::fputs(text.c_str(), stdout);
    return 0;
  } catch (const std::exception& error) {
    log_warning(error.what());
    return 1;
  }
}

}  // namespace
}  // namespace linnet::bench

int main(int argc, char** argv) { return linnet::bench::main_of(argc, argv); }
