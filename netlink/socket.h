// The conversation with one netlink family in one network namespace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "netlink/error.h"

struct nlmsghdr;

namespace linnet::netlink {

class Message;

// Requests that travel in one datagram. The kernel executes them in order; one that fails does not
// keep the following ones from being executed (an nftables transaction excepted).
class Batch {
 public:
  enum class Answer { kNone, kAck, kObject, kDump };

  // `what` says for an error message what the request asks for: "add address 10.1.2.3/24 to eth0".
  void append(const Message& message, std::string what, Answer answer = Answer::kAck);

  [[nodiscard]] bool empty() const { return requests_.empty(); }
  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] const std::string& what(std::size_t request) const {
    return requests_[request].what;
  }

 private:
  friend class Socket;
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
// Cost: a batch is one sendmsg(2) and, up to a handful of answers, one recvmmsg(2).
class Socket {
 public:
  // `protocol` is NETLINK_ROUTE or NETLINK_NETFILTER. Throws SystemError.
  explicit Socket(int protocol);

  // Called with the number of the request in the batch and a message that answers it.
  using Receiver = std::function<void(std::size_t request, const nlmsghdr* message)>;

  // Sends the batch and waits until every request is answered. The acknowledgements stand in the
  // order of the requests; an interrupted dump shows as EINTR. Throws SystemError when the
  // conversation itself breaks.
  [[nodiscard]] std::vector<Ack> exchange(const Batch& batch, const Receiver& receiver = {});

  // As exchange, but the first request that was refused ends in an Error with its description.
  void execute(const Batch& batch, const Receiver& receiver = {});

  // Repeats a batch of dumps while the kernel says that the tables changed meanwhile, at most ten
  // times; `restart` is called before each attempt, to forget what the last one gave. Throws Error.
  void dump(const Batch& batch, const std::function<void()>& restart, const Receiver& receiver);

  // Joins a multicast group (RTNLGRP_*, NFNLGRP_*). Throws SystemError.
  void join(unsigned group);

  // Waits for messages nobody asked for (of joined groups) until `receiver` returns true or `timeout`
  // milliseconds have passed. Returns whether it did. A receive queue that overflowed calls
  // `receiver` with null: the caller must ask for the present state. Throws SystemError.
  [[nodiscard]] bool listen(int timeout_ms,
                            const std::function<bool(const nlmsghdr* message)>& receiver);

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  struct Conversation;
  class Buffer;
  std::span<const std::span<const unsigned char>> receive(unsigned char* buffer, bool wait);
  static void handle(Conversation& conversation, const nlmsghdr* message);
  static void refuse_all(Conversation& conversation, const Ack& ack);

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
  std::vector<std::span<const unsigned char>> datagrams_;
};

}  // namespace linnet::netlink
