// A folder of a test's own, gone with the test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linnet::test {

class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  [[nodiscard]] const std::string& path() const { return path_; }
  // The path of `name` in the folder.
  [[nodiscard]] std::string at(std::string_view name) const;
  // Writes a file, making the folders that lead to it, and returns its path.
  std::string write(std::string_view name, std::string_view content) const;
  // The names in the folder or a folder below it, sorted.
  [[nodiscard]] std::vector<std::string> names(std::string_view below = "") const;

 private:
  std::string path_;
};

}  // namespace linnet::test
