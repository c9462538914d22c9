// The commands of netrig. Each adds its options, and does its work when it is called.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace linnet::rig {

// The folder that netrig itself is in, where the plugins are by default.
[[nodiscard]] std::string own_folder();
// On stdout. Throws SystemError.
void print(const std::string& text);
void show_progress(const std::string& step);

void add_run(CLI::App& app);
void add_selftest(CLI::App& app);
void add_steering(CLI::App& app);
void add_compare(CLI::App& app);
void add_report(CLI::App& app);
void add_stat(CLI::App& app);
void add_setup(CLI::App& app);

}  // namespace linnet::rig
