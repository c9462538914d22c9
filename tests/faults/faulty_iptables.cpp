#include "tests/faults/faulty_iptables.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace linnet::test {

namespace fs = std::filesystem;
using namespace faulty_iptables;

namespace {

void mount_over(const std::string& source, const std::string& where, const char* type,
                unsigned long flags) {
  if (::mount(source.c_str(), where.c_str(), type, flags, nullptr) != 0) {
    throw SystemError(errno, concat("mount ", where));
  }
}

bool is_tool(const std::string& name) {
  return std::ranges::find(kTools, name) != std::end(kTools);
}

}  // namespace

FaultyIptables::FaultyIptables() {
  const UniqueFd real = open_file(kFolder, O_PATH | O_DIRECTORY);
  mount_over("none", kFolder, "tmpfs", 0);
  fs::create_directory(kRealFolder);
  mount_over(concat("/proc/self/fd/", real.get()), kRealFolder, nullptr, MS_BIND);
  for (const fs::directory_entry& entry : fs::directory_iterator(kRealFolder)) {
    const std::string name = entry.path().filename();
    if (!is_tool(name)) {
      fs::create_symlink(entry.path(), kFolder + name);
    }
  }
  disturb(0, ToolFault::kNone);
}

FaultyIptables::~FaultyIptables() {
  ::umount2(kRealFolder, MNT_DETACH);
  ::umount2(kFolder, MNT_DETACH);
}

void FaultyIptables::disturb(std::size_t first, std::size_t last, ToolFault fault) {
  std::ofstream(kExecutions).flush();
  std::ofstream(kPlan) << first << ' ' << last << ' ' << static_cast<int>(fault);
  for (const std::string name : kTools) {
    fs::remove(kFolder + name);
    fs::create_symlink(LINNET_FAKE_IPTABLES, kFolder + name);
  }
}

std::size_t FaultyIptables::executions() const {
  const std::string lines = read_file(kExecutions, std::size_t{1} << 20U);
  return static_cast<std::size_t>(std::ranges::count(lines, '\n'));
}

void FaultyIptables::remove_tools_of_ipv6() {
  for (const char* name : {"ip6tables-legacy", "ip6tables"}) {
    fs::remove(kFolder + std::string(name));
  }
}

void FaultyIptables::remove_tools() {
  for (const std::string name : kTools) {
    fs::remove(kFolder + name);
  }
}

void FaultyIptables::name_plainly(const std::string& program,
                                  const std::vector<std::string>& tools) {
  remove_tools();
  for (const std::string& tool : tools) {
    fs::create_symlink(program, kFolder + tool);
  }
}

}  // namespace linnet::test
