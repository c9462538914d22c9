// The part of a batch that travels in one datagram, and what is known of its answers.
// Source: net/netlink/af_netlink.c (netlink_rcv_skb), net/netfilter/nfnetlink.c (nfnetlink_rcv_batch).
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netlink/conversation.h"

namespace linnet::netlink {

// The receive buffer is 208 kB unless the host's net.core.rmem_default says otherwise. A refusal or an acknowledgement
// takes some 800 bytes of it, an object up to 4 kB, for which four requests are counted.
inline constexpr std::size_t kWindowRequests = 128;

// Calls `each` for every message of a datagram, and stops at one that is longer than what is left.
template <typename Each>
void for_each_message(std::span<const unsigned char> datagram, Each&& each) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  int left = static_cast<int>(datagram.size());
  while (mnl_nlmsg_ok(message, left)) {
    each(message);
    message = mnl_nlmsg_next(message, &left);
  }
}

class Window {
 public:
  enum class State : std::uint8_t { kWaiting, kAnswered, kCutOff };

  // From the request `first` of the batch on: an nftables transaction as a whole, else as many requests as a window
  // has, and nothing after a dump, during which the kernel would go on with what follows. `acks` are those of the
  // whole batch; all three references have to outlive the window.
  Window(const Batch& batch, const Socket::Receiver& receiver, std::vector<Ack>& acks,
         std::size_t first, int protocol);

  [[nodiscard]] const Batch& batch() const { return batch_; }
  [[nodiscard]] std::vector<Ack>& acks() { return acks_; }
  [[nodiscard]] std::size_t first() const { return first_; }
  [[nodiscard]] std::size_t end() const { return end_; }
  [[nodiscard]] State state(std::size_t request) const { return states_[request - first_]; }
  // The first request that changes something, else the first one, for an error message.
  [[nodiscard]] const std::string& what() const;

  // The requests, numbered from `first_sequence` on. Only the last one asks for an acknowledgement.
  [[nodiscard]] std::vector<unsigned char> datagram(std::uint32_t first_sequence);

  // A message of the kernel; one that answers no request of the window is left out.
  void take(const nlmsghdr* message);
  // A datagram that was larger than the buffer, of which that much is there.
  void take_cut_off(std::span<const unsigned char> datagram);
  void pass_on(std::size_t request, const nlmsghdr* message) const;

  // Whether every request is answered.
  [[nodiscard]] bool is_done() const { return done_; }
  [[nodiscard]] bool has_refusal() const;
  // For a window that is not done and to which nothing more will come: whether its outcome is known all the same.
  // A refusal tells that of a whole transaction; questions whose answer is missing count as cut off.
  [[nodiscard]] bool settle_after_loss();
  [[nodiscard]] std::vector<std::size_t> cut_off() const;

  bool lost = false;  // the receive buffer overflowed

 private:
  // Absent for a message that answers no request of this window.
  [[nodiscard]] std::optional<std::size_t> request_of(const nlmsghdr* message) const;
  [[nodiscard]] Batch::Answer answer(std::size_t request) const {
    return batch_.requests_[request].answer;
  }
  void settle(std::size_t request, State state);
  void refuse_all(const Ack& ack);

  const Batch& batch_;
  const Socket::Receiver& receiver_;
  std::vector<Ack>& acks_;
  std::size_t first_;
  std::size_t end_;
  std::size_t last_;  // the request whose answer is the last one
  int protocol_;
  bool is_transaction_;
  bool done_ = false;
  std::uint32_t first_sequence_ = 0;
  std::vector<State> states_;
};

}  // namespace linnet::netlink
