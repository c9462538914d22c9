#include "rig/open_loop.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "rig/namespaces.h"

namespace linnet::rig {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience(2);

std::uint64_t nanoseconds(Clock::duration duration) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(std::chrono::nanoseconds(duration).count(), 0));
}

class Loop {
 public:
  Loop(int socket, const OpenLoopOptions& options)
      : socket_(socket),
        interval_(std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(1 / options.rate))),
        total_(std::max<std::int64_t>(std::chrono::nanoseconds(options.duration) / interval_, 1)) {}

  OpenLoop run() {
    start_ = Clock::now() + interval_;
    while (answered_ < total_) {
      send_what_is_due();
      if (!receive()) {
        wait();
      }
    }
    return std::move(result_);
  }

 private:
  // The nth answer belongs to the nth request: both are one byte of a stream.
  [[nodiscard]] Clock::time_point due(std::int64_t request) const {
    return start_ + request * interval_;
  }

  void send_what_is_due() {
    for (; sent_ < total_ && Clock::now() >= due(sent_); ++sent_) {
      const Clock::time_point now = Clock::now();
      if (::send(socket_, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
        require(errno == EAGAIN, "send a byte");
        return;
      }
      result_.lateness.record(nanoseconds(now - due(sent_)));
    }
  }

  bool receive() {
    char bytes[64];
    const ssize_t size = ::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    require(size > 0 || (size < 0 && errno == EAGAIN), "receive the answers");
    const Clock::time_point now = Clock::now();
    for (ssize_t i = 0; i < size; ++i) {
      result_.latency.record(nanoseconds(now - due(answered_++)));
    }
    return size > 0;
  }

  void wait() const {
    const bool all_sent = sent_ == total_;
    const std::uint64_t time =
        all_sent ? nanoseconds(kPatience) : nanoseconds(due(sent_) - Clock::now());
    const timespec timeout{.tv_sec = static_cast<time_t>(time / 1'000'000'000),
                           .tv_nsec = static_cast<long>(time % 1'000'000'000)};
    pollfd poll{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::ppoll(&poll, 1, &timeout, nullptr) == 0 && all_sent) {
      throw SystemError(ETIMEDOUT, "receive the answers");
    }
  }

  int socket_;
  Clock::duration interval_;
  std::int64_t total_;
  Clock::time_point start_;
  std::int64_t sent_ = 0;
  std::int64_t answered_ = 0;
  OpenLoop result_;
};

}  // namespace

OpenLoop send_at_rate(const Exchange& exchange, const OpenLoopOptions& options) {
  // The kernel's 50 us of slack for timers would be most of what is measured.
  ::prctl(PR_SET_TIMERSLACK, 1);
  return Loop(exchange.client_socket(), options).run();
}

}  // namespace linnet::rig
