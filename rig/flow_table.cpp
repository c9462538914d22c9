#include "rig/flow_table.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::rig {

namespace {

constexpr const char* kPath = "/proc/sys/net/core/rps_sock_flow_entries";

std::uint32_t read_entries(int fd) {
  return parse_number<std::uint32_t>(trim(read_all(fd, 64, kPath))).value_or(0);
}

// Waits until nobody holds the other end of `lifeline` any more.
[[noreturn]] void keep(int lifeline, int table, const std::string& before) {
  // Ctrl-C reaches the whole group of processes, and this one has to outlive the rig.
  ::setsid();
  char byte = 0;
  while (::read(lifeline, &byte, 1) < 0 && errno == EINTR) {
  }
  const bool written = ::pwrite(table, before.data(), before.size(), 0) >= 0;
  ::_exit(written ? 0 : 1);
}

}  // namespace

FlowTable::FlowTable(std::uint32_t entries) {
  if (::access(kPath, F_OK) != 0) {
    return;
  }
  const UniqueFd table = open_file(kPath, O_RDWR);
  const std::uint32_t before = read_entries(table.get());
  entries_ = before;
  if (before != 0 || entries == 0) {
    return;
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw SystemError(errno, "make a pipe");
  }
  UniqueFd waiting(ends[0]);
  lifeline_.reset(ends[1]);
  const std::string text = concat(before);
  keeper_ = ::fork();
  if (keeper_ < 0) {
    throw SystemError(errno, "fork");
  }
  if (keeper_ == 0) {
    lifeline_.reset();
    keep(waiting.get(), table.get(), text);
  }
  const std::string wanted = concat(entries);
  if (::pwrite(table.get(), wanted.data(), wanted.size(), 0) < 0) {
    throw SystemError(errno, concat("set net.core.rps_sock_flow_entries to ", entries));
  }
  entries_ = entries;
}

FlowTable::~FlowTable() {
  lifeline_.reset();
  if (keeper_ > 0) {
    ::waitpid(keeper_, nullptr, 0);
  }
}

}  // namespace linnet::rig
