// The conversation with one netlink family in one network namespace.
// Source: netlink(7), Documentation/userspace-api/netlink/intro.rst, net/netlink/af_netlink.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "netlink/error.h"

struct mnl_socket;
struct nlmsghdr;

namespace linnet::netlink {

class Window;

// Requests that the kernel executes in order; one that fails does not keep the following ones from being
// executed (an nftables transaction excepted).
class Batch {
 public:
  // What ends the answer to a request: nothing (the borders of a transaction), the acknowledgement, one object,
  // or the end of a dump.
  enum class Answer { kNone, kAck, kObject, kDump };

  // Copies the message. `what` says for an error message what the request asks for: "add address 10.1.2.3/24 to
  // eth0".
  void append(const nlmsghdr* message, std::string what, Answer answer = Answer::kAck);

  [[nodiscard]] bool empty() const { return requests_.empty(); }
  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] const std::string& what(std::size_t request) const {
    return requests_[request].what;
  }

 private:
  friend class Socket;
  friend class Window;
  [[nodiscard]] Batch only(std::size_t request) const;
  struct Request {
    std::string what;
    Answer answer;
    std::size_t offset;  // of its header in bytes_
  };
  std::vector<unsigned char> bytes_;
  std::vector<Request> requests_;
};

// Ownership: the descriptor. Threading: none, one conversation at a time. The socket belongs to the
// namespace it was opened in for good, wherever the process goes afterwards.
//
// Flow control: a batch is sent in windows whose answers fit into the receive buffer, each window one datagram;
// an nftables transaction is one window whatever its size. Only the last request of a window asks for an
// acknowledgement: the kernel reports errors unasked, so that its arrival answers every request before it that
// said nothing.
// Cost: a window is one sendto(2) and, for up to four answers, one recvmmsg(2).
class Socket {
 public:
  // `protocol` is NETLINK_ROUTE, NETLINK_NETFILTER or NETLINK_SOCK_DIAG. Throws SystemError.
  explicit Socket(int protocol);

  // Called with the number of the request in the batch and a message that answers it.
  using Receiver = std::function<void(std::size_t request, const nlmsghdr* message)>;

  // Sends the batch and waits until every request is answered. The acknowledgements stand in the order of the
  // requests; an interrupted dump shows as EINTR, one that met an answer larger than expected as EMSGSIZE, and
  // both succeed when they are asked again. An empty batch is no datagram. Throws SystemError when nothing was
  // sent, AnswerLost when the kernel may have done what was asked.
  [[nodiscard]] std::vector<Ack> exchange(const Batch& batch, const Receiver& receiver = {});

  // As exchange, but the first request that was refused ends in an Error with its description, and windows after
  // it are not sent.
  void execute(const Batch& batch, const Receiver& receiver = {});

  // Repeats a batch of dumps while the kernel says that the tables changed meanwhile, a bounded number of times;
  // `restart` is called before each attempt, to forget what the last one gave. Throws Error.
  void dump(const Batch& batch, const std::function<void()>& restart, const Receiver& receiver);

  // Joins a multicast group (RTNLGRP_*, NFNLGRP_*). Throws SystemError.
  void join(unsigned group);

  // Waits for messages nobody asked for (of joined groups) until `receiver` returns true or `timeout_ms`
  // milliseconds have passed. Returns whether it did. Where announcements were lost, since the receive queue
  // overflowed or one was too large, `receiver` is called with null: the caller must ask for the present state.
  // Throws SystemError.
  [[nodiscard]] bool listen(int timeout_ms,
                            const std::function<bool(const nlmsghdr* message)>& receiver);

  [[nodiscard]] int fd() const;

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  struct Datagram {
    std::span<const unsigned char> bytes;
    std::size_t size = 0;  // as it was sent; larger than `bytes` when it was cut off
  };
  class Buffer;

  std::vector<Ack> run(const Batch& batch, const Receiver& receiver, bool stop_at_refusal);
  void send(Window& window);
  void await(Window& window);
  void ask_again(Window& window);
  // False when there is nothing to receive now, which is possible only without `wait`. Throws SystemError.
  bool receive(const Buffer& buffer, bool wait);

  std::unique_ptr<mnl_socket, Close> socket_;
  int protocol_;
  std::uint32_t sequence_ = 0;
  std::size_t datagram_size_;  // of the buffer, for each datagram
  std::vector<Datagram> datagrams_;
};

}  // namespace linnet::netlink
