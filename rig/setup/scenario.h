// What is measured: plugins and their configurations.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rig/setup/process.h"

namespace linnet::rig::setup {

enum class Verb { kVersion, kAdd, kDel };

struct Scenario {
  std::string name;    // of the row
  std::string plugin;  // the executable that is called
  bool adds = true;    // ADD and DEL; else VERSION
  bool masquerade = false;
  std::string backend;  // "ipMasqBackend", empty: the plugin's choice
  std::string master;   // an Ethernet interface of the host that the world makes, empty: none
  int mappings = 0;     // published ports of each attachment
  // The whole list through libcni: bridge, portmap, firewall, tuning.
  bool chain = false;
};

// Every executable that a folder must have.
[[nodiscard]] std::vector<std::string> plugins_of(const Scenario& scenario);

[[nodiscard]] std::vector<Scenario> all_scenarios();
// The floor: bare.cpp in place of a plugin.
[[nodiscard]] Scenario bare_scenario();

// The call of `verb` for attachment `number` of a scenario with the plugins of `folder`. `netns` is
// the container's; `previous` the result of its ADD, for DEL.
[[nodiscard]] Execution call_of(const Scenario& scenario, const std::string& folder, Verb verb,
                                int number, const std::string& netns, const std::string& previous);

}  // namespace linnet::rig::setup
