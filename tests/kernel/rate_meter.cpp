#include "tests/kernel/rate_meter.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace linnet::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr timeval kPatience = {.tv_sec = 20, .tv_usec = 0};

void must(bool succeeded, const char* what) {
  if (!succeeded) {
    throw SystemError(errno, what);
  }
}

// A socket stays in the namespace that it was made in.
UniqueFd socket_in(const std::string& netns) {
  UniqueFd made;
  std::thread([&] {
    if (!netns.empty()) {
      const UniqueFd fd(::open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd || ::setns(fd.get(), CLONE_NEWNET) != 0) {
        return;
      }
    }
    made.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }).join();
  must(static_cast<bool>(made), "open a socket in a namespace");
  // A flow that stands still is a failed test, not a hanging one.
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    must(::setsockopt(made.get(), SOL_SOCKET, option, &kPatience, sizeof kPatience) == 0,
         "set a time limit");
  }
  return made;
}

std::uint64_t receive(int fd, std::uint64_t wanted) {
  std::vector<char> buffer(1U << 16U);
  std::uint64_t got = 0;
  while (got < wanted) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    must(size > 0, "receive");
    got += static_cast<std::uint64_t>(size);
  }
  return got;
}

void send_until_closed(int fd) {
  const std::vector<char> bytes(1U << 16U);
  while (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
  }
}

}  // namespace

double measure_rate(const Flow& flow) {
  const UniqueFd listener = socket_in(flow.to);
  const UniqueFd sender = socket_in(flow.from);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(5201);
  must(::inet_pton(AF_INET, flow.address.c_str(), &address.sin_addr) == 1, "read an address");
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // What waits here when the receiver gets no processor is a small part of what is counted.
  const int buffer = 1 << 16;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  const auto* end = reinterpret_cast<const sockaddr*>(&address);
  must(::bind(listener.get(), end, sizeof address) == 0, "bind");
  must(::listen(listener.get(), 1) == 0, "listen");
  must(::connect(sender.get(), end, sizeof address) == 0, "connect");
  UniqueFd receiver(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  must(static_cast<bool>(receiver), "accept");
  ::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  std::jthread sending([&] { send_until_closed(sender.get()); });
  double rate = 0;
  try {
    receive(receiver.get(), flow.skip);
    const auto start = Clock::now();
    const std::uint64_t got = receive(receiver.get(), flow.count);
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    rate = static_cast<double>(got) * 8 / elapsed.count();
  } catch (...) {
    ::shutdown(sender.get(), SHUT_RDWR);
    throw;
  }
  ::shutdown(sender.get(), SHUT_RDWR);
  return rate;
}

}  // namespace linnet::test
