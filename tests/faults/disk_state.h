// What a disk has of a folder after the power failed while a program, which syncs nothing, wrote into it.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

namespace linnet::test {

struct FileState {
  std::string content;
  std::string mark;  // the extended attribute of a lease, empty without one
  friend bool operator==(const FileState&, const FileState&) = default;
};

struct FolderState {
  std::map<std::string, FileState> files;
  timespec modified{};
};

// Of regular files; throws SystemError. A folder that is not there has none.
[[nodiscard]] FolderState read_folder(const std::string& path);
// Replaces the folder.
void write_folder(const std::string& path, const FolderState& state);

struct Remains {
  std::string text;
  FolderState state;
  std::vector<std::string> damaged = {};  // names of files that are not what was written
};

// Every state that one lost or torn file makes of `after`, and those in which all are lost or torn alike.
[[nodiscard]] std::vector<Remains> remains_of(const FolderState& before, const FolderState& after);

}  // namespace linnet::test
