#include "tests/faults/disk_state.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/text.h"

namespace linnet::test {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "user.linnet";

// What a disk may have of one file that was `before` and should be `after`; absent files are null.
using MaybeFile = std::optional<FileState>;
std::vector<std::pair<std::string, MaybeFile>> remains_of(const MaybeFile& before,
                                                          const MaybeFile& after) {
  std::vector<std::pair<std::string, MaybeFile>> all = {{"as it was", before}};
  if (after) {
    const std::string& content = after->content;
    all.push_back({"empty", FileState{"", after->mark}});
    all.push_back({"half", FileState{content.substr(0, content.size() / 2), after->mark}});
    all.push_back({"zeros", FileState{std::string(content.size(), '\0'), after->mark}});
    if (!after->mark.empty()) {
      all.push_back({"empty and without its attribute", FileState{"", ""}});
      all.push_back({"without its attribute", FileState{content, ""}});
    }
  }
  return all;
}

void put(FolderState& state, const std::string& name, const MaybeFile& file) {
  file ? void(state.files[name] = *file) : void(state.files.erase(name));
}

MaybeFile find(const FolderState& state, const std::string& name) {
  const auto found = state.files.find(name);
  return found == state.files.end() ? MaybeFile() : MaybeFile(found->second);
}

}  // namespace

FolderState read_folder(const std::string& path) {
  FolderState state;
  if (!fs::exists(path)) {
    return state;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    FileState& file = state.files[entry.path().filename()];
    file.content = read_file(entry.path(), std::size_t{1} << 20U);
    std::array<char, 96> mark{};
    const ssize_t size = ::getxattr(entry.path().c_str(), kMark, mark.data(), mark.size());
    file.mark.assign(mark.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  state.modified = status.st_mtim;
  return state;
}

void write_folder(const std::string& path, const FolderState& state) {
  fs::remove_all(path);
  fs::create_directories(path);
  for (const auto& [name, file] : state.files) {
    const std::string file_path = concat(path, "/", name);
    std::ofstream(file_path) << file.content;
    if (!file.mark.empty()) {
      EXPECT_EQ(::setxattr(file_path.c_str(), kMark, file.mark.data(), file.mark.size(), 0), 0);
    }
  }
  const std::array<timespec, 2> times = {{{0, UTIME_OMIT}, state.modified}};
  EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
}

std::vector<Remains> remains_of(const FolderState& before, const FolderState& after) {
  std::vector<Remains> all = {{"all written", after}, {"all written, an old time", after}};
  all.back().state.modified = before.modified;
  std::set<std::string> names;
  for (const FolderState* state : {&before, &after}) {
    for (const auto& [name, file] : state->files) {
      names.insert(name);
    }
  }
  std::map<std::string, Remains> together;
  for (const std::string& name : names) {
    if (find(before, name) == find(after, name)) {
      continue;
    }
    for (const auto& [text, file] : remains_of(find(before, name), find(after, name))) {
      Remains one{concat(name, " ", text), after, {name}};
      put(one.state, name, file);
      all.push_back(std::move(one));
      Remains& same =
          together.try_emplace(text, Remains{concat("all ", text), after}).first->second;
      put(same.state, name, file);
      same.damaged.push_back(name);
    }
  }
  for (auto& [text, remains] : together) {
    all.push_back(std::move(remains));
  }
  return all;
}

}  // namespace linnet::test
