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
  int mappings_of_others = 0;  // of the attachments that are there already; 0: as many
  // The whole list through libcni: bridge, portmap, firewall, tuning.
  bool chain = false;
};

// Every executable that a folder must have.
[[nodiscard]] std::vector<std::string> plugins_of(const Scenario& scenario);

[[nodiscard]] std::vector<Scenario> all_scenarios();

// What differs in one thing, measured in turns with the plugins of one folder: against the first variant.
struct Variant {
  std::string label;
  Scenario scenario;
  int others = 0;  // attachments that are there already
};
struct Contrast {
  std::string name;
  std::vector<Variant> variants;
  bool connects = false;  // the time of a TCP connection to a published port, besides ADD and DEL
};
[[nodiscard]] std::vector<Contrast> all_contrasts();
// The floor: bare.cpp in place of a plugin.
[[nodiscard]] Scenario bare_scenario();

// The names of all of these.
[[nodiscard]] std::vector<std::string> scenario_names();

// The port of the host that the first mapping of an attachment is for.
[[nodiscard]] int host_port_of(const Scenario& scenario, int number);
// The bridge's address in the scenarios that have a bridge with an address.
inline constexpr const char* kGateway = "10.64.0.1";
inline constexpr int kContainerPort = 80;

// The call of `verb` for attachment `number` of a scenario with the plugins of `folder`. `netns` is
// the container's; `previous` the result of its ADD, for DEL.
[[nodiscard]] Execution call_of(const Scenario& scenario, const std::string& folder, Verb verb,
                                int number, const std::string& netns, const std::string& previous);

}  // namespace linnet::rig::setup
