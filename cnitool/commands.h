// The commands of cnitool. Each throws what it cannot do; those that judge return an exit code.
#pragma once

#include "cnitool/command_line.h"
#include "libcni/runtime.h"

namespace linnet::cnitool {

[[nodiscard]] cni::Runtime runtime_of(const Options& options);

void add(const Options& options, Output& output);
void del(const Options& options);
void check(const Options& options);
void gc(const Options& options);
void status(const Options& options);

// Cached attachments; files that cannot be used are told on `output.err`.
void list(const Options& options, Output& output);
// The names of the networks in the folder, one a line; malformed files on `output.err`.
void networks(const Options& options, Output& output);
// Versions of the tool, and of every plugin on the path when one was given.
void version(const Options& options, Output& output);
// Every problem of a file, a network, or all files of the folder; kFailed if there is any.
[[nodiscard]] ExitCode validate(const Options& options, Output& output);

}  // namespace linnet::cnitool
