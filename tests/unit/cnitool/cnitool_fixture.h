// cnitool run in-process, with folders of its own and scripted plugins.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "cnitool/command_line.h"
#include "tests/support/plugin_folder.h"

namespace linnet::cnitool {

struct Ran {
  int exit_code = 0;
  std::string out;
  std::string err;
};

class CnitoolTest : public testing::Test {
 protected:
  void SetUp() override {
    environment_ = {{"CNI_PATH", plugins_.path()}, {"NETCONFPATH", folder_.at("net.d")}};
    plugins_.add("one");
    plugins_.add("two");
    folder_.write("net.d/10.conflist",
                  R"({"cniVersion":"1.1.0","name":"podnet","plugins":[
                     {"type":"one","capabilities":{"portMappings":true}},{"type":"two"}]})");
  }

  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "cnitool");
    arguments.insert(arguments.end(), {"--cache-dir", folder_.at("cni")});
    std::vector<const char*> values;
    for (const std::string& argument : arguments) {
      values.push_back(argument.c_str());
    }
    Output output;
    const int exit_code = cnitool::run(
        values,
        [this](std::string_view name) -> std::optional<std::string> {
          const auto found = environment_.find(std::string(name));
          return found == environment_.end() ? std::nullopt : std::optional(found->second);
        },
        output);
    return {exit_code, output.out, output.err};
  }

  std::map<std::string, std::string> environment_;
  test::PluginFolder plugins_;
  test::TempFolder folder_;
};

}  // namespace linnet::cnitool
