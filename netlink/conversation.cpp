#include "netlink/conversation.h"

#include <libmnl/libmnl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "netlink/internal/window.h"

namespace linnet::netlink {

namespace {

constexpr std::size_t kDatagrams = 4;
// A dump's datagrams are as large as the reader's buffer allows, from 4 to 32 kB.
constexpr std::size_t kDatagramSize = 16384;

// What the receive buffer needs at most for the refusal of one request.
constexpr std::size_t kRefusalSize = 2048;

// Each time with a buffer as large as the answer was.
constexpr int kQuestionAttempts = 4;

alignas(nlmsghdr) unsigned char common_buffer[kDatagrams * kDatagramSize];
std::atomic_flag common_buffer_is_taken;

void set_option(mnl_socket* socket, int option) {
  int on = 1;
  // Absent in old kernels, where an error then comes without the kernel's sentence.
  static_cast<void>(mnl_socket_setsockopt(socket, option, &on, sizeof on));
}

// Makes a buffer of the socket (SO_SNDBUF, SO_RCVBUF) at least that large.
void make_room(int fd, int buffer, int forced, std::size_t size) {
  // The size before anybody asks is net.core.wmem_default or rmem_default; below this there is always room.
  constexpr std::size_t kAlways = std::size_t{64} << 10U;
  constexpr std::size_t kMost = std::numeric_limits<int>::max() / 4;
  if (size <= kAlways) {
    return;
  }
  const int wanted = static_cast<int>(std::min(size, kMost)) + 4096;
  int present = 0;
  socklen_t length = sizeof present;
  const bool known = ::getsockopt(fd, SOL_SOCKET, buffer, &present, &length) == 0;
  // The kernel doubles what is asked for. The forced one passes net.core.wmem_max, and needs CAP_NET_ADMIN.
  if ((!known || present < wanted) &&
      ::setsockopt(fd, SOL_SOCKET, forced, &wanted, sizeof wanted) != 0) {
    ::setsockopt(fd, SOL_SOCKET, buffer, &wanted, sizeof wanted);
  }
}

}  // namespace

// Where datagrams are received, for one conversation: all sockets of a process take turns with one buffer, whose
// pages are there after the first use. A conversation that finds it taken, by another thread or by the one whose
// receiver it is called from, has its own.
class Socket::Buffer {
 public:
  explicit Buffer(std::size_t datagram_size)
      : datagram_size_(datagram_size),
        is_common_(datagram_size == kDatagramSize &&
                   !common_buffer_is_taken.test_and_set(std::memory_order_acquire)) {
    if (!is_common_) {
      // Not cleared: pages that no answer reaches are never touched.
      own_ = std::make_unique_for_overwrite<unsigned char[]>(kDatagrams * datagram_size);
    }
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (is_common_) {
      common_buffer_is_taken.clear(std::memory_order_release);
    }
  }

  [[nodiscard]] std::size_t datagram_size() const { return datagram_size_; }
  [[nodiscard]] unsigned char* place(std::size_t datagram) const {
    return (is_common_ ? common_buffer : own_.get()) + datagram * datagram_size_;
  }

 private:
  std::size_t datagram_size_;
  bool is_common_;
  std::unique_ptr<unsigned char[]> own_;
};

Batch Batch::only(std::size_t request) const {
  Batch batch;
  const Request& wanted = requests_[request];
  batch.append(reinterpret_cast<const nlmsghdr*>(bytes_.data() + wanted.offset), wanted.what,
               wanted.answer);
  return batch;
}

void Batch::append(const nlmsghdr* message, std::string what, Answer answer) {
  const std::size_t offset = bytes_.size();
  const auto* begin = reinterpret_cast<const unsigned char*>(message);
  bytes_.insert(bytes_.end(), begin, begin + message->nlmsg_len);
  bytes_.resize(MNL_ALIGN(bytes_.size()));
  // libnl leaves the flag to its own sender; the kernel answers nothing to a message without it.
  reinterpret_cast<nlmsghdr*>(bytes_.data() + offset)->nlmsg_flags |= NLM_F_REQUEST;
  requests_.push_back({std::move(what), answer, offset});
}

void Socket::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

Socket::Socket(int protocol)
    : socket_(mnl_socket_open2(protocol, SOCK_CLOEXEC)),
      protocol_(protocol),
      datagram_size_(kDatagramSize) {
  if (!socket_) {
    throw SystemError(errno, concat("open a netlink socket (protocol ", protocol, ")"));
  }
  set_option(socket_.get(), NETLINK_EXT_ACK);
  set_option(socket_.get(), NETLINK_CAP_ACK);
  if (protocol == NETLINK_ROUTE) {
    set_option(socket_.get(), NETLINK_GET_STRICT_CHK);
  }
}

int Socket::fd() const { return mnl_socket_get_fd(socket_.get()); }

std::vector<Ack> Socket::exchange(const Batch& batch, const Receiver& receiver) {
  return run(batch, receiver, false);
}

std::vector<Ack> Socket::run(const Batch& batch, const Receiver& receiver, bool stop_at_refusal) {
  std::vector<Ack> acks(batch.size());
  for (std::size_t next = 0; next < batch.size();) {
    Window window(batch, receiver, acks, next, protocol_);
    send(window);
    await(window);
    ask_again(window);
    if (stop_at_refusal && window.has_refusal()) {
      break;
    }
    next = window.end();
  }
  return acks;
}

void Socket::send(Window& window) {
  std::vector<unsigned char> datagram = window.datagram(sequence_ + 1);
  const std::size_t requests = window.end() - window.first();
  sequence_ += static_cast<std::uint32_t>(requests);
  make_room(fd(), SO_SNDBUF, SO_SNDBUFFORCE, datagram.size());
  if (requests > kWindowRequests) {
    make_room(fd(), SO_RCVBUF, SO_RCVBUFFORCE, requests * kRefusalSize);
  }
  ssize_t sent = 0;
  do {
    sent = mnl_socket_sendto(socket_.get(), datagram.data(), datagram.size());
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && window.first() == 0) {
    throw SystemError(errno, concat("send: ", window.what()));
  }
  if (sent < 0) {
    throw AnswerLost(errno, concat("send: ", window.what()));
  }
}

void Socket::await(Window& window) {
  const Buffer buffer(datagram_size_);
  while (!window.is_done()) {
    try {
      // The kernel has answered, or failed to, before sendto(2) returned, and goes on with a dump at each receive:
      // after a loss there is nothing to wait for.
      if (!receive(buffer, !window.lost)) {
        break;
      }
    } catch (const SystemError& error) {
      if (error.code() != ENOBUFS) {
        throw AnswerLost(error.code(), concat("receive the answer to: ", window.what()));
      }
      window.lost = true;
      continue;
    }
    for (const Datagram& datagram : datagrams_) {
      if (datagram.size > datagram.bytes.size()) {
        datagram_size_ = std::max(datagram_size_, MNL_ALIGN(datagram.size));
        window.take_cut_off(datagram.bytes);
      } else {
        for_each_message(datagram.bytes, [&](const nlmsghdr* message) { window.take(message); });
      }
    }
  }
  if (!window.settle_after_loss()) {
    throw AnswerLost(ENOBUFS, concat("receive the answer to: ", window.what()));
  }
}

// Questions change nothing: those whose answer was cut off or lost are asked once more, each by itself.
void Socket::ask_again(Window& window) {
  for (const std::size_t request : window.cut_off()) {
    Window::State state = Window::State::kCutOff;
    for (int attempt = 1; state == Window::State::kCutOff; ++attempt) {
      if (attempt == kQuestionAttempts) {
        throw AnswerLost(EMSGSIZE,
                         concat("receive the answer to: ", window.batch().what(request)));
      }
      std::vector<Ack> acks(1);
      const Receiver receiver = [&](std::size_t, const nlmsghdr* message) {
        window.pass_on(request, message);
      };
      const Batch question = window.batch().only(request);
      Window again(question, receiver, acks, 0, protocol_);
      send(again);
      await(again);
      state = again.state(0);
      window.acks()[request] = acks[0];
    }
  }
}

void Socket::execute(const Batch& batch, const Receiver& receiver) {
  const std::vector<Ack> acks = run(batch, receiver, true);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok()) {
      throw Error(acks[i], batch.what(i));
    }
  }
}

void Socket::dump(const Batch& batch, const std::function<void()>& restart,
                  const Receiver& receiver) {
  // In a dump of 500 links each of ten attempts in a row meets a change where others come and go every ten
  // milliseconds.
  constexpr int kAttempts = 200;
  for (int attempt = 1;; ++attempt) {
    restart();
    const std::vector<Ack> acks = exchange(batch, receiver);
    const auto failed = std::ranges::find_if(acks, [](const Ack& ack) { return !ack.ok(); });
    if (failed == acks.end()) {
      return;
    }
    if ((failed->error != EINTR && failed->error != EMSGSIZE) || attempt == kAttempts) {
      throw Error(*failed, batch.what(static_cast<std::size_t>(failed - acks.begin())));
    }
  }
}

void Socket::join(unsigned group) {
  // A socket that never sent has port 0 until it is bound, and the kernel leaves the sender of an
  // announcement out by its port: its own is 0.
  if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    throw SystemError(errno, "bind a netlink socket");
  }
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    throw SystemError(errno, concat("join netlink group ", group));
  }
}

bool Socket::listen(int timeout_ms, const std::function<bool(const nlmsghdr*)>& receiver) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  // Not the common one: `receiver` asks the kernel something at each announcement.
  const Buffer buffer(2 * kDatagramSize);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiter{fd(), POLLIN, 0};
    const int ready = ::poll(&waiter, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (ready < 0 && errno != EINTR) {
      throw SystemError(errno, "wait for a netlink event");
    }
    if (ready == 0) {
      return false;
    }
    if (ready < 0) {
      continue;
    }
    bool lost = false;
    bool heard = false;
    try {
      static_cast<void>(receive(buffer, false));
    } catch (const SystemError& error) {
      if (error.code() != ENOBUFS) {
        throw;
      }
      datagrams_.clear();
      lost = true;
    }
    for (const Datagram& datagram : datagrams_) {
      lost = lost || datagram.size > datagram.bytes.size();
      for_each_message(datagram.bytes,
                       [&](const nlmsghdr* message) { heard = heard || receiver(message); });
    }
    if (heard || (lost && receiver(nullptr))) {
      return true;
    }
  }
}

bool Socket::receive(const Buffer& buffer, bool wait) {
  mmsghdr headers[kDatagrams] = {};
  iovec parts[kDatagrams];
  sockaddr_nl senders[kDatagrams] = {};
  for (std::size_t i = 0; i < kDatagrams; ++i) {
    parts[i] = {buffer.place(i), buffer.datagram_size()};
    headers[i].msg_hdr.msg_name = &senders[i];
    headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  int got = 0;
  do {
    // With MSG_TRUNC the length is that of what was sent, whatever fits.
    got = ::recvmmsg(fd(), headers, kDatagrams,
                     MSG_TRUNC | (wait ? MSG_WAITFORONE : MSG_DONTWAIT), nullptr);
  } while (got < 0 && errno == EINTR);
  datagrams_.clear();
  if (got < 0 && errno == EAGAIN && !wait) {
    return false;
  }
  if (got < 0) {
    throw SystemError(errno, "receive from netlink");
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    const std::size_t size = headers[i].msg_len;
    // Any process may send to this socket; only the kernel has port 0. A message without a header says nothing.
    if (senders[i].nl_pid == 0 && size >= NLMSG_HDRLEN) {
      datagrams_.push_back({{buffer.place(i), std::min(size, buffer.datagram_size())}, size});
    }
  }
  return true;
}

}  // namespace linnet::netlink
