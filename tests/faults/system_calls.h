// The system calls that plugins make: names, and the errors each of them may return.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/faults/tracer.h"

namespace linnet::test {

// Absent for a call that this table does not know: it has to be added, with its errors.
[[nodiscard]] std::optional<std::string> name_of(const SystemCall& call);

// Whether something outside the process may be another after the call. Dying after a call that changes nothing
// is dying before it.
[[nodiscard]] bool changes_the_world(const SystemCall& call);

// "system call 17 (sendto)".
[[nodiscard]] std::string describe(const SystemCall& call);

// Errors of the manual page that a healthy program can meet on a machine that is short of something. Empty
// where there are none, and for calls of the C library whose failure it hides or answers itself.
[[nodiscard]] std::vector<int> errors_of(const SystemCall& call);

}  // namespace linnet::test
