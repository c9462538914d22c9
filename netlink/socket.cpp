#include "netlink/socket.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "netlink/message.h"

namespace linnet::netlink {

namespace {

constexpr std::size_t kDatagrams = 4;
// A dump's datagrams are as large as the reader's buffer allows, from 4 to 32 kB.
constexpr std::size_t kDatagramSize = 16384;
constexpr std::size_t kBufferSize = kDatagrams * kDatagramSize;

alignas(nlmsghdr) unsigned char common_buffer[kBufferSize];
std::atomic_flag common_buffer_is_taken;

// `fixed` bytes of the payload precede the attributes.
Ack parse_ack(const nlmsghdr* message, std::size_t fixed) {
  Ack ack;
  int code = 0;
  if (payload(message).size() < sizeof code) {
    ack.error = EBADMSG;
    return ack;
  }
  std::memcpy(&code, payload(message).data(), sizeof code);
  ack.error = -code;
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    ack.extack = Attributes<NLMSGERR_ATTR_MAX>(message, fixed).text(NLMSGERR_ATTR_MSG);
  }
  return ack;
}

// Calls `each` for every message of a datagram, and stops at one that is longer than what is left.
template <typename Each>
void for_each_message(std::span<const unsigned char> datagram, Each&& each) {
  while (datagram.size() >= NLMSG_HDRLEN) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
    if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > datagram.size()) {
      return;
    }
    each(message);
    datagram =
        datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(message->nlmsg_len), datagram.size()));
  }
}

void set_option(int fd, int option) {
  const int on = 1;
  // Absent in old kernels, where an error then comes without the kernel's sentence.
  ::setsockopt(fd, SOL_NETLINK, option, &on, sizeof on);
}

// A datagram must fit into the send buffer, whose size before anybody asks is net.core.wmem_default; below
// this there is always room.
void make_room(int fd, std::size_t size) {
  constexpr std::size_t kAlways = std::size_t{64} << 10U;
  if (size <= kAlways) {
    return;
  }
  const int wanted = static_cast<int>(size) + 4096;
  int present = 0;
  socklen_t length = sizeof present;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &present, &length) == 0;
  // The kernel doubles what is asked for. FORCE passes net.core.wmem_max, and needs CAP_NET_ADMIN.
  if ((!known || present < wanted) &&
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) != 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
  }
}

// Whoever lacks the privilege gets one answer of nfnetlink to a whole datagram.
bool refuses_datagram(int fd, const nlmsghdr* message) {
  const auto* error = header_of<nlmsgerr>(message, NLMSG_ERROR);
  int protocol = 0;
  socklen_t length = sizeof protocol;
  return error != nullptr && error->error == -EPERM &&
         ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
         protocol == NETLINK_NETFILTER;
}

}  // namespace

struct Socket::Conversation {
  int fd;
  const Batch& batch;
  const Receiver& receiver;
  std::uint32_t first_sequence;
  std::vector<Ack> acks;
  std::vector<bool> answered;
  std::size_t waiting;
};

// Where datagrams are received, for one conversation: all sockets of a process take turns with one buffer, whose
// pages are there after the first. Who meets it in use, in another thread or within a receiver, has its own.
class Socket::Buffer {
 public:
  Buffer() : is_common_(!common_buffer_is_taken.test_and_set(std::memory_order_acquire)) {
    if (!is_common_) {
      // Not cleared: pages that no answer reaches are never touched.
      own_ = std::make_unique_for_overwrite<unsigned char[]>(kBufferSize);
    }
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (is_common_) {
      common_buffer_is_taken.clear(std::memory_order_release);
    }
  }

  [[nodiscard]] unsigned char* get() const { return is_common_ ? common_buffer : own_.get(); }

 private:
  bool is_common_;
  std::unique_ptr<unsigned char[]> own_;
};

void Batch::append(const Message& message, std::string what, Answer answer) {
  const std::size_t offset = bytes_.size();
  bytes_.insert(bytes_.end(), message.raw().begin(), message.raw().end());
  if (answer == Answer::kAck) {
    reinterpret_cast<nlmsghdr*>(bytes_.data() + offset)->nlmsg_flags |= NLM_F_ACK;
  }
  requests_.push_back({std::move(what), answer, offset});
}

Socket::Socket(int protocol) : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {
  if (!fd_) {
    throw SystemError(errno, concat("open a netlink socket (protocol ", protocol, ")"));
  }
  set_option(fd_.get(), NETLINK_EXT_ACK);
  set_option(fd_.get(), NETLINK_CAP_ACK);
  if (protocol == NETLINK_ROUTE) {
    set_option(fd_.get(), NETLINK_GET_STRICT_CHK);
  }
}

std::vector<Ack> Socket::exchange(const Batch& batch, const Receiver& receiver) {
  Conversation conversation{fd_.get(),
                            batch,
                            receiver,
                            sequence_ + 1,
                            std::vector<Ack>(batch.size()),
                            std::vector<bool>(batch.size()),
                            0};
  std::vector<unsigned char> request = batch.bytes_;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    reinterpret_cast<nlmsghdr*>(request.data() + batch.requests_[i].offset)->nlmsg_seq =
        ++sequence_;
    conversation.answered[i] = batch.requests_[i].answer == Batch::Answer::kNone;
    conversation.waiting += conversation.answered[i] ? 0U : 1U;
  }
  make_room(fd_.get(), request.size());
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = 0;
  do {
    sent = ::sendto(fd_.get(), request.data(), request.size(), 0,
                    reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    throw SystemError(errno, concat("send: ", batch.what(0)));
  }
  const Buffer buffer;
  while (conversation.waiting != 0) {
    for (const std::span<const unsigned char> datagram : receive(buffer.get(), true)) {
      for_each_message(datagram, [&](const nlmsghdr* message) { handle(conversation, message); });
    }
  }
  return std::move(conversation.acks);
}

void Socket::handle(Conversation& conversation, const nlmsghdr* message) {
  const std::size_t request = message->nlmsg_seq - conversation.first_sequence;
  if (request >= conversation.batch.size()) {
    return;
  }
  const auto answer = conversation.batch.requests_[request].answer;
  if (message->nlmsg_type == NLMSG_ERROR &&
      (answer == Batch::Answer::kNone || refuses_datagram(conversation.fd, message))) {
    refuse_all(conversation, parse_ack(message, sizeof(nlmsgerr)));
  }
  if (conversation.answered[request]) {
    return;
  }
  Ack& ack = conversation.acks[request];
  bool last = true;
  if (message->nlmsg_type == NLMSG_ERROR) {
    // Without NETLINK_CAP_ACK (old kernels) a refusal quotes the whole request before the attributes.
    const auto* error = header_of<nlmsgerr>(message, NLMSG_ERROR);
    const bool capped = (message->nlmsg_flags & NLM_F_CAPPED) != 0;
    const std::size_t quoted_request =
        error == nullptr || capped || error->error == 0 || error->msg.nlmsg_len < NLMSG_HDRLEN
            ? 0
            : error->msg.nlmsg_len - NLMSG_HDRLEN;
    ack = parse_ack(message, sizeof(nlmsgerr) + quoted_request);
  } else if (message->nlmsg_type == NLMSG_DONE) {
    const Ack done = parse_ack(message, sizeof(int));
    if (ack.ok()) {
      ack = done;
    }
  } else {
    if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
      ack.error = EINTR;
    }
    if (conversation.receiver) {
      conversation.receiver(request, message);
    }
    last = answer == Batch::Answer::kObject;
  }
  if (last) {
    conversation.answered[request] = true;
    --conversation.waiting;
  }
}

// The header of an nfnetlink transaction asks for no answer; an answer to it is a refusal of the whole
// transaction (no permission, say), and the requests inside get none.
void Socket::refuse_all(Conversation& conversation, const Ack& ack) {
  if (ack.ok()) {
    return;
  }
  for (std::size_t i = 0; i < conversation.batch.size(); ++i) {
    if (!conversation.answered[i]) {
      conversation.answered[i] = true;
      conversation.acks[i] = ack;
    }
  }
  conversation.waiting = 0;
}

void Socket::execute(const Batch& batch, const Receiver& receiver) {
  const std::vector<Ack> acks = exchange(batch, receiver);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok()) {
      throw Error(acks[i], batch.what(i));
    }
  }
}

void Socket::dump(const Batch& batch, const std::function<void()>& restart,
                  const Receiver& receiver) {
  // Of 500 links, each of ten dumps in a row meets a change where others come and go every ten milliseconds.
  constexpr int kAttempts = 200;
  for (int attempt = 1;; ++attempt) {
    restart();
    const std::vector<Ack> acks = exchange(batch, receiver);
    const auto failed = std::ranges::find_if(acks, [](const Ack& ack) { return !ack.ok(); });
    if (failed == acks.end()) {
      return;
    }
    if (failed->error != EINTR || attempt == kAttempts) {
      throw Error(*failed, batch.what(static_cast<std::size_t>(failed - acks.begin())));
    }
  }
}

void Socket::join(unsigned group) {
  // A socket that never sent has port 0 until it is bound, and the kernel leaves the sender of an
  // announcement out by its port: its own is 0.
  sockaddr_nl any_port{};
  any_port.nl_family = AF_NETLINK;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&any_port), sizeof any_port) != 0) {
    throw SystemError(errno, "bind a netlink socket");
  }
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    throw SystemError(errno, concat("join netlink group ", group));
  }
}

bool Socket::listen(int timeout_ms, const std::function<bool(const nlmsghdr*)>& receiver) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  // Not the common one: `receiver` asks the kernel something at each announcement.
  const auto buffer = std::make_unique_for_overwrite<unsigned char[]>(kBufferSize);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiter{fd_.get(), POLLIN, 0};
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
    try {
      bool heard = false;
      for (const std::span<const unsigned char> datagram : receive(buffer.get(), false)) {
        for_each_message(datagram,
                         [&](const nlmsghdr* message) { heard = heard || receiver(message); });
      }
      if (heard) {
        return true;
      }
    } catch (const SystemError& error) {
      if (error.code() != ENOBUFS) {
        throw;
      }
      if (receiver(nullptr)) {
        return true;
      }
    }
  }
}

std::span<const std::span<const unsigned char>> Socket::receive(unsigned char* buffer, bool wait) {
  mmsghdr headers[kDatagrams] = {};
  iovec parts[kDatagrams];
  sockaddr_nl senders[kDatagrams] = {};
  for (std::size_t i = 0; i < kDatagrams; ++i) {
    parts[i] = {buffer + i * kDatagramSize, kDatagramSize};
    headers[i].msg_hdr.msg_name = &senders[i];
    headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  int got = 0;
  do {
    got = ::recvmmsg(fd_.get(), headers, kDatagrams, wait ? MSG_WAITFORONE : MSG_DONTWAIT, nullptr);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && !(errno == EAGAIN && !wait)) {
    throw SystemError(errno, "receive from netlink");
  }
  datagrams_.clear();
  for (int i = 0; i < got; ++i) {
    if ((headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      throw SystemError(EMSGSIZE, "receive from netlink");
    }
    // Any process may send to this socket; only the kernel has port 0.
    if (senders[i].nl_pid == 0) {
      datagrams_.emplace_back(buffer + static_cast<std::size_t>(i) * kDatagramSize,
                              headers[i].msg_len);
    }
  }
  return datagrams_;
}

}  // namespace linnet::netlink
