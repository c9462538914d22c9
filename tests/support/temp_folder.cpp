#include "tests/support/temp_folder.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::test {

namespace fs = std::filesystem;

TempFolder::TempFolder() : path_(fs::temp_directory_path() / "linnet-test-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw SystemError(errno, concat("make a folder like ", path_));
  }
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempFolder::at(std::string_view name) const { return concat(path_, '/', name); }

std::string TempFolder::write(std::string_view name, std::string_view content) const {
  const std::string path = at(name);
  fs::create_directories(fs::path(path).parent_path());
  const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  write_all(fd.get(), content, path);
  return path;
}

std::vector<std::string> TempFolder::names(std::string_view below) const {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(at(below), missing)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace linnet::test
