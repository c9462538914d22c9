#include "rig/setup/bench.h"

#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "rig/setup/scenario.h"
#include "rig/setup/world.h"

namespace linnet::rig::setup {
namespace {

struct Contender {
  std::string folder;
  World world;
  PairCost cost;
};

bool has_plugins(const Scenario& scenario, const std::string& folder) {
  return std::ranges::all_of(plugins_of(scenario), [&](const std::string& name) {
    return ::access(concat(folder, "/", name).c_str(), X_OK) == 0;
  });
}

class Bench {
 public:
  explicit Bench(const SetupOptions& options) : options_(options) {}

  Report run() {
    for (const Scenario& scenario : all_scenarios()) {
      if (options_.only.empty() || options_.only == scenario.name) {
        log_info(scenario.name);
        measure(scenario);
      }
    }
    for (const Contrast& contrast : all_contrasts()) {
      if (options_.only.empty() || options_.only == contrast.name) {
        log_info(contrast.name);
        measure_contrast(contrast);
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

  // All with the plugins of the first folder, each in a world of its own.
  void measure_contrast(const Contrast& contrast) {
    std::vector<Contender> contenders;
    for (const Variant& variant : contrast.variants) {
      const std::string& folder = options_.folders.front();
      if (!has_plugins(variant.scenario, folder)) {
        report_.notes.push_back(concat(contrast.name, ": not in ", folder));
        return;
      }
      contenders.push_back(
          {variant.label, World(variant.scenario, folder, variant.others + 1), {}});
      if (drop(variant.others > 0 && !contenders.back().world.grow(variant.others),
               variant.scenario, contenders.back(), "an ADD failed while attachments were added") ||
          !try_out(variant.scenario, contenders.back())) {
        return;
      }
    }
    Scenario named;
    named.name = contrast.name;
    measure_pairs(named, contenders, 0);
    if (contrast.connects) {
      measure_connections(named, contenders);
    }
  }

  void measure_connections(const Scenario& scenario, std::vector<Contender>& contenders) {
    Row row{scenario.name, "connection to a published port", 0, columns_of(contenders)};
    take_turns(contenders, options_.rounds, [&](std::size_t i, World& world) {
      if (const std::optional<Timing> timing = world.connect()) {
        row.columns[i].timings.push_back(*timing);
      }
    });
    add_row(std::move(row));
  }

  void measure_bare() {
    const Scenario scenario = bare_scenario();
    if (::access(concat(options_.own_folder, "/", scenario.plugin).c_str(), X_OK) != 0) {
      report_.notes.push_back(
          concat("bare: ", scenario.plugin, " is not in ", options_.own_folder));
      return;
    }
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
    columns.reserve(contenders.size());
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

  SetupOptions options_;
  Report report_;
};

}  // namespace

Report measure_setup(const SetupOptions& options) { return Bench(options).run(); }

}  // namespace linnet::rig::setup
