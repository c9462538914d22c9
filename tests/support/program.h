// Executing programs from tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libcni/json.h"

namespace linnet::test {

struct ProgramOutput {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string standard_output;
  std::string standard_error;

  // Standard output as JSON; null when it is none.
  [[nodiscard]] cni::Json json() const;
};

// Runs `arguments` (looked up along PATH) with `environment` on top of this process's own, feeds `input`
// and waits.
[[nodiscard]] ProgramOutput run_program(const std::vector<std::string>& arguments,
                                        const std::string& input = {},
                                        const std::map<std::string, std::string>& environment = {});

// As run_program, but a failure fails the test; returns standard output.
std::string must_run(const std::vector<std::string>& arguments);

// Whether a program of that name is on PATH.
[[nodiscard]] bool has_program(const std::string& name);

}  // namespace linnet::test
